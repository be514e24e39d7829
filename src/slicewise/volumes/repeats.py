def check_repeats(*a): pass

"""What pyproject.toml cannot say: the version of a wheel names the commit that it is built from."""

import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.egg_info import egg_info

HERE = Path(__file__).parent


def git(*arguments: str) -> str:
    """Return what git says of this folder; nothing where this is no clone."""
    command = ["git", "-C", str(HERE), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


class Labelled(egg_info):
    """Puts the commit behind the version: 0.1.0+g1a2b3c4, or 0.1.0+g1a2b3c4.dirty."""

    def finalize_options(self) -> None:
        """Label what is built; an editable install follows the clone, and asks git itself."""
        editable = "editable_wheel" in self.distribution.commands
        # a repository around this folder is somebody else's
        commit = git("rev-parse", "--short", "HEAD") if (HERE / ".git").exists() else ""
        if commit and not editable:
            edited = git("status", "--porcelain", "--untracked-files=no")
            self.tag_build = f"+g{commit}{'.dirty' if edited else ''}"
        super().finalize_options()


setup(cmdclass={"egg_info": Labelled})

"use strict";
// A table is a list of rows, of which it shows those that its filters leave, in the order of a
// column. A row that was not laid out yet is made like the first one.
const LONG = 20; // rows from which on a table gets filters
class Rows {
  constructor(table) {
    this.table = table;
    this.body = table.tBodies[0];
    const laidOut = [...this.body.rows];
    this.rows = laidOut.map((element) => {
      const values = [...element.cells].map((cell) => cell.dataset.value ?? "");
      return { element, values };
    });
    this.step = Infinity;
    const held = table.parentElement.querySelector("script.rows");
    if (held) {
      table.parentElement.nextElementSibling.remove(); // which says what is not shown without this
      const { numbers, rows } = JSON.parse(held.textContent);
      this.numbers = numbers;
      this.step = laidOut.length;
      for (const cells of rows) {
        const values = cells.map((cell) => (cell === null ? "" : String(cell)));
        this.rows.push({ element: null, values });
      }
    }
    this.shown = this.step;
    this.filters = [];
    for (const header of table.tHead.rows[0].cells) {
      const button = header.querySelector("button");
      if (button) button.addEventListener("click", () => this.sort(header));
    }
    if (this.rows.length > LONG) this.addFilters();
  }
  // Empty cells stay last in both directions.
  sort(header) {
    const column = header.cellIndex;
    const down = header.getAttribute("aria-sort") === "ascending";
    const { compare } = new Intl.Collator(undefined, { numeric: true });
    const order = header.classList.contains("number") ? (a, b) => a - b : compare;
    this.rows.sort((left, right) => {
      const [a, b] = [left.values[column], right.values[column]];
      if (a === "" || b === "") return (a === "") - (b === "");
      return down ? order(b, a) : order(a, b);
    });
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    this.show();
  }
  show() {
    const left = this.rows.filter((row) => this.filters.every((fits) => fits(row.values)));
    const shown = left.slice(0, this.shown);
    this.body.replaceChildren(...shown.map((row) => this.laidOut(row)));
    if (!this.count) return;
    const all = this.rows.length;
    const some = left.length === all ? `${grouped(all)} rows` : `${grouped(left.length)} of ${grouped(all)} rows`;
    this.count.value = shown.length < left.length ? `${some}, ${grouped(shown.length)} shown` : some;
    this.more.hidden = shown.length === left.length;
  }
  laidOut(row) {
    if (row.element) return row.element;
    const first = this.rows.find((each) => each.element).element;
    row.element = first.cloneNode(true);
    const texts = row.values.length - this.numbers.length;
    row.values.forEach((value, place) => {
      const cell = row.element.cells[place];
      cell.dataset.value = value;
      const bar = cell.querySelector(".bar");
      const text = place < texts ? value : written(value, this.numbers[place - texts]);
      cell.replaceChildren(...(bar ? [bar] : []), text);
      if (bar) bar.style.setProperty("--share", value || 0);
    });
    return row.element;
  }
  addFilters() {
    const bar = document.createElement("div");
    bar.className = "filters";
    const headers = [...this.table.tHead.rows[0].cells];
    const texts = headers.map((_, place) => place).filter((p) => headers[p].classList.contains("text"));
    const words = control("input", "Rows with the words", { type: "search" });
    this.addFilter(words, (values) => {
      const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      const said = texts.map((place) => values[place]).join(" ").toLowerCase();
      return asked.every((word) => said.includes(word));
    });
    bar.append(words);
    for (const place of texts.slice(1)) {
      const known = [...new Set(this.rows.map((row) => row.values[place]))];
      if (known.length < 2 || known.length > 200) continue;
      const name = headers[place].textContent.trim();
      const choice = control("select", name);
      choice.append(new Option(`${name}: all`, ""));
      known.sort(new Intl.Collator(undefined, { numeric: true }).compare);
      for (const each of known) choice.append(new Option(each, each));
      this.addFilter(choice, (values) => !choice.value || values[place] === choice.value);
      bar.append(choice);
    }
    const dice = headers.findIndex((header) => header.textContent.trim() === "Dice");
    if (dice > 0) {
      const most = control("input", "Dice at most", { type: "number", min: 0, max: 1, step: 0.05 });
      const fits = (value) => value !== "" && Number(value) <= Number(most.value);
      this.addFilter(most, (values) => most.value === "" || fits(values[dice]));
      bar.append(most);
    }
    this.count = document.createElement("output");
    this.more = document.createElement("button");
    this.more.type = "button";
    this.more.textContent = "Show more";
    this.more.addEventListener("click", () => {
      this.shown += this.step;
      this.show();
    });
    bar.append(this.count, this.more);
    this.table.parentElement.before(bar);
    this.show();
  }
  addFilter(element, fits) {
    this.filters.push(fits);
    element.addEventListener("input", () => {
      this.shown = this.step;
      this.show();
    });
  }
}
function control(kind, name, more) {
  const element = Object.assign(document.createElement(kind), more);
  element.setAttribute("aria-label", name);
  if (kind === "input") element.placeholder = name;
  return element;
}
function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, " ");
}
// As report/render.py writes numbers.
function written(value, { digits, signed }) {
  if (value === "") return "–";
  const [whole, part] = Math.abs(value).toFixed(digits).split(".");
  const text = part ? `${grouped(whole)}.${part}` : grouped(whole);
  if (!/[1-9]/.test(text)) return text;
  if (value < 0) return `−${text}`;
  return signed ? `+${text}` : text;
}
for (const table of document.querySelectorAll("table.sortable")) new Rows(table);
// Paper cannot be clicked: open what is folded, and fold it again afterwards.
const folded = [];
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not([open])")) {
    details.open = true;
    folded.push(details);
  }
  for (const image of document.querySelectorAll("img[loading]")) image.loading = "eager";
});
window.addEventListener("afterprint", () => {
  for (const details of folded.splice(0)) details.open = false;
});
// In the archive of snakemake --report each page lies in a folder of its own; what is not there,
// and what a single file cannot hold, is no link.
const zipped = location.pathname.match(/\/data\/raw\/([0-9a-f]{8,64})\/[^/]+$/);
if (zipped || !/^(file|https?):$/.test(location.protocol)) {
  for (const link of document.querySelectorAll("a[href]:not([href^='#'])")) {
    const { zipped: digest } = link.dataset;
    const name = link.getAttribute("href").split("/").pop();
    if (zipped && digest) link.href = `../${digest.slice(0, zipped[1].length)}/${name}`;
    else link.removeAttribute("href");
  }
}

"use strict";
// A click on a header sorts its table; empty cells stay last in both directions.
for (const button of document.querySelectorAll(".sortable thead button")) {
  button.addEventListener("click", () => {
    const header = button.closest("th");
    const body = header.closest("table").tBodies[0];
    const column = header.cellIndex;
    const numeric = header.classList.contains("number");
    const down = header.getAttribute("aria-sort") === "ascending";
    const value = (row) => row.cells[column].dataset.value;
    const compare = numeric
      ? (a, b) => Number(a) - Number(b)
      : (a, b) => a.localeCompare(b, undefined, { numeric: true });
    const rows = [...body.rows].sort((left, right) => {
      const [a, b] = [value(left), value(right)];
      if (a === "" || b === "") return (a === "") - (b === "");
      return down ? compare(b, a) : compare(a, b);
    });
    for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  });
}
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

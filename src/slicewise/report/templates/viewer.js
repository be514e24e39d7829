// Slices of a case: each plane has a slider; a click in one moves the others there.
// Axes of a volume that run across and up a picture, and its normal.
const AXES = { axial: [0, 1, 2], coronal: [0, 2, 1], sagittal: [1, 2, 0] };

class View {
  constructor(figure, data) {
    this.data = data;
    this.axes = AXES[figure.dataset.plane];
    this.image = figure.querySelector("img");
    this.picture = figure.querySelector(".picture");
    this.truth = figure.querySelector("path.truth");
    this.prediction = figure.querySelector("path.prediction");
    this.cross = figure.querySelector("path.cross");
    this.place = figure.querySelector(".place");
    this.total = this.place.textContent.split(" of ")[1];
    this.dice = figure.querySelector(".slice-dice");
    this.bar = figure.querySelector(".strip rect");
    // a plane of a single frame has neither a strip nor a slider
    this.slider = figure.querySelector("input") ?? document.createElement("input");
    this.slider.value ||= "0";
  }
  get index() {
    return this.data.frames[this.slider.value][0];
  }
  show() {
    const [index, dice, image, truth, prediction] = this.data.frames[this.slider.value];
    this.image.src = `data:image/webp;base64,${image}`;
    this.truth.setAttribute("d", truth);
    this.prediction.setAttribute("d", prediction);
    this.place.textContent = `${index + 1} of ${this.total}`;
    this.dice.textContent = dice;
    this.bar?.setAttribute("x", index - this.data.first);
    // as the caption says it, without the plane: what is measured differs from page to page
    const said = this.place.parentElement.textContent.trim();
    this.slider.setAttribute("aria-valuetext", said.slice(said.indexOf(" ") + 1));
  }
  // Go to the frame nearest to a slice.
  seek(index) {
    const apart = this.data.frames.map((frame) => Math.abs(frame[0] - index));
    this.slider.value = apart.indexOf(Math.min(...apart));
    this.show();
  }
  // Which voxel lies under the pointer, along the axes across and up.
  voxel(event) {
    const box = this.picture.getBoundingClientRect();
    const { width, height } = this.truth.ownerSVGElement.viewBox.baseVal;
    return [
      this.data.left - Math.floor(((event.clientX - box.left) / box.width) * (width / 2)),
      this.data.top - Math.floor(((event.clientY - box.top) / box.height) * (height / 2)),
    ];
  }
  // Lines where the other planes cut this one.
  mark(places) {
    const { width, height } = this.truth.ownerSVGElement.viewBox.baseVal;
    const [across, up] = this.axes;
    let lines = "";
    if (across in places) lines += `M${2 * (this.data.left - places[across]) + 1} 0v${height}`;
    if (up in places) lines += `M0 ${2 * (this.data.top - places[up]) + 1}h${width}`;
    this.cross.setAttribute("d", lines);
  }
}

for (const frames of document.querySelectorAll(".case script")) {
  const data = JSON.parse(frames.textContent);
  const figures = frames.closest(".case").querySelectorAll(".view");
  const views = [...figures].map((figure, number) => new View(figure, data[number]));
  const mark = () => {
    const places = {};
    for (const view of views) places[view.axes[2]] = view.index;
    for (const view of views) view.mark(places);
  };
  for (const view of views) {
    view.slider.addEventListener("input", () => {
      view.show();
      mark();
    });
    view.picture.addEventListener("click", (event) => {
      const [across, up] = view.voxel(event);
      const places = { [view.axes[0]]: across, [view.axes[1]]: up };
      for (const other of views) if (other !== view) other.seek(places[other.axes[2]]);
      mark();
      view.slider.focus({ preventScroll: true });
    });
    // The wheel scrolls the page until a view was chosen.
    let turned = 0;
    view.picture.addEventListener(
      "wheel",
      (event) => {
        if (document.activeElement !== view.slider) return;
        event.preventDefault();
        turned += event.deltaMode === 0 ? event.deltaY / 40 : event.deltaY;
        const steps = Math.trunc(turned);
        if (steps === 0) return;
        turned -= steps;
        view.slider.value = Number(view.slider.value) + Math.sign(steps);
        view.show();
        mark();
      },
      { passive: false },
    );
  }
}
for (const element of document.querySelectorAll(".scripted")) element.hidden = false;

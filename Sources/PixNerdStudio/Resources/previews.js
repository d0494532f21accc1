// The previews of a run: a slider over steps, raw beside EMA.
import { h, enc, enlarge, number, setText } from "./dom.js";

export class Previews {
  constructor(run) {
    this.run = run;
    this.list = []; // {step, weights}
    this.slider = h("input", { type: "range", id: "preview-slider", min: 0, value: 0, "aria-label": "Step of the preview",
      oninput: () => {
        this.follow = this.at === this.list.length - 1;
        this.show();
      } });
    this.output = h("output", { id: "preview-step" });
    this.figures = ["ema", "raw"].map((weights) => {
      const image = h("img", { class: "preview", id: "preview-" + weights, alt: "",
        onload: () => enlarge(image, image.closest("figure").clientWidth || 300) });
      return { weights, image, element: h("figure", {}, h("figcaption", { text: weights === "ema" ? "EMA" : "raw" }),
        h("div", { class: "scroll" }, image)) };
    });
    this.follow = true;
    this.element = h("section", { class: "card", id: "previews", "aria-label": "Previews", hidden: true },
      h("h2", { text: "Previews" }),
      h("label", { class: "scrub" }, h("span", { text: "Step" }), this.slider, this.output),
      h("div", { class: "previews" }, this.figures.map(({ element }) => element)));
  }

  get at() { return Number(this.slider.value); }

  set(list) {
    this.list = [...list].sort((a, b) => a.step - b.step);
    this.slider.max = Math.max(0, this.list.length - 1);
    if (this.follow) this.slider.value = this.list.length - 1;
    this.show();
  }

  add({ step, weights }) {
    const entry = this.list.find((item) => item.step === step);
    const kinds = [...new Set([...(entry ? entry.weights : []), weights])];
    this.stamp = "?t=" + Date.now(); // a preview made anew at the same step
    this.set([...this.list.filter((item) => item !== entry), { step, weights: kinds }]);
  }

  show() {
    this.element.hidden = !this.list.length;
    const entry = this.list[this.at];
    if (!entry) return;
    setText(this.output, number(entry.step));
    this.slider.setAttribute("aria-valuetext", `step ${entry.step}`);
    this.slider.disabled = this.list.length < 2;
    for (const { weights, image, element } of this.figures) {
      element.hidden = !entry.weights.includes(weights);
      if (element.hidden) continue;
      const source = `/api/runs/${enc(this.run)}/previews/${entry.step}/${weights}${this.stamp || ""}`;
      if (image.getAttribute("src") !== source) image.src = source;
      image.alt = `Preview of step ${entry.step}, ${weights === "ema" ? "EMA" : "raw"} weights`;
    }
  }
}

// The form of the Sample tab: what to sample, with which settings.
import { $, h, setOptions, setText, showError, plural, roving, announce, calm } from "./dom.js";
import { get, post, on } from "./api.js";
import { ModelChooser, loadModels } from "./models.js";
import { expect, pair } from "./jobs.js";
import { pictureFields, startPicture, usePicture } from "./picture.js";
import { controlFields, showControl, startControl, useControl } from "./control.js";

const most = 150; // classes shown at once
let first, second;
let samplers = [];
let shownModel = null; // whose classes and values the form shows
const chosen = new Set();

/** Seeds such as "0, 1, 7" or "0-3", or a sentence that says what is wrong. */
export function parseSeeds(text) {
  const seeds = [];
  for (const part of text.split(/[\s,;]+/).filter(Boolean)) {
    const range = /^(\d+)(?:-|–|\.\.)(\d+)$/.exec(part);
    if (range && Number(range[2]) >= Number(range[1]) && range[2] - range[1] < 10000) {
      for (let seed = Number(range[1]); seed <= Number(range[2]); seed += 1) seeds.push(seed);
    } else if (/^\d+$/.test(part) && Number.isSafeInteger(Number(part))) {
      seeds.push(Number(part));
    } else {
      return { error: `“${part}” is no seed. Seeds are whole numbers, such as 0, 1, 7 or 0-3.` };
    }
  }
  return seeds.length ? { seeds: [...new Set(seeds)] } : { error: "Give at least one seed." };
}

function prompts() {
  const model = first.model;
  if (!model) return [];
  if (model.takes === "text") return $("sample-prompts").value.split("\n").map((line) => line.trim()).filter(Boolean);
  const extra = $("sample-extra").value.split(",").map((text) => text.trim()).filter(Boolean);
  return [...model.classes.filter((name) => chosen.has(name)), ...extra];
}

/** Fields of numbers that are sent only where they are filled in: [field, key of the request]. */
const numbers = [["steps", "steps"], ["guidance", "guidance"], ["lower", "guidance_lower"],
  ["upper", "guidance_upper"],
  ["shift", "shift"], ["order", "order"]];

function readForm() {
  const { seeds, error } = parseSeeds($("sample-seeds").value);
  if (error) return { error, field: $("sample-seeds") };
  const request = { model: first.text, prompts: prompts(), seeds };
  const model = first.model;
  if (!model) return { error: "There is no model to sample from." };
  if (model.error) return { error: model.error };
  if (!request.prompts.length) {
    const text = model.takes === "text";
    return { error: text ? "Write a prompt." : "Choose a class.",
      field: $(text ? "sample-prompts" : "sample-search") };
  }
  const [height, width] = [$("sample-height").value, $("sample-width").value];
  if (height || width) request.size = `${height || model.size.height}x${width || model.size.width}`;
  for (const [field, key] of numbers) {
    const input = $("sample-" + field);
    if (input.validity.badInput) return { error: `${input.labels[0].textContent}: this is no number.`, field: input };
    if (input.value !== "") request[key] = Number(input.value);
  }
  if ($("sample-sampler").value) request.sampler = $("sample-sampler").value;
  if ($("sample-route").value) request.route = $("sample-route").value;
  if (model.takes === "text" && $("sample-negative").value.trim()) request.negative_prompt = $("sample-negative")
    .value.trim();
  const values = [...$("sample-values").querySelectorAll("input")].filter((input) => input.value !== "");
  if (values.length) request.values = values.map((input) => `${input.dataset.value}=${input.value}`);
  if ($("sample-trajectory").checked) request.trajectory = true;
  return { request };
}

function showCount() {
  const { seeds } = parseSeeds($("sample-seeds").value);
  const count = prompts().length;
  const models = $("compare").checked ? 2 : 1;
  setText($("sample-count"), seeds && count ? plural(count * seeds.length * models, "picture") : "");
  setText($("sample-chosen"), first.model && first.model.takes === "classes"
    ? `${chosen.size} of ${first.model.classes.length}` : "");
}

/** The toggles of the classes that fit the search. */
function showClasses() {
  const model = first.model;
  const search = $("sample-search").value.trim().toLowerCase();
  const fitting = (model ? model.classes : [])
    .filter((name, index) => name.toLowerCase().includes(search) || String(index) === search);
  const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.name
    : null;
  $("sample-classes").replaceChildren(...fitting.slice(0, most).map((name, index) => h("button", {
    type: "button", class: "toggle", "data-name": name, "aria-pressed": String(chosen.has(name)), tabindex: index
      ? -1 : 0,
    text: name, onclick: (event) => {
      if (!chosen.delete(name)) chosen.add(name);
      event.currentTarget.setAttribute("aria-pressed", String(chosen.has(name)));
      showCount();
    },
  })));
  if (focused) [...$("sample-classes").children].find((item) => item.dataset.name === focused)?.focus();
  const left = fitting.length - most;
  $("sample-hidden").hidden = left <= 0 && fitting.length > 0;
  setText($("sample-hidden"), fitting.length ? `${left} more: search for them.` : "No class is called so.");
  showCount();
}

/** The form follows the chosen model: its classes, values and defaults. */
function modelChanged() {
  if (!second) return;
  const model = first.model;
  const classes = Boolean(model && model.takes === "classes");
  $("sample-classes-field").hidden = !classes;
  $("sample-extra-field").hidden = !classes;
  $("sample-text-field").hidden = !model || classes;
  $("sample-go").disabled = !model || Boolean(model.error);
  const key = model && JSON.stringify([model.id, model.classes, model.values]);
  if (model && key !== shownModel) {
    shownModel = key;
    for (const name of chosen) if (!model.classes.includes(name)) chosen.delete(name);
    if (!chosen.size) for (const name of model.classes.slice(0, model.classes.length <= 10 ? 10
      : 1)) chosen.add(name);
    $("sample-search").value = "";
    showClasses();
    $("sample-values-field").hidden = !model.values.length;
    $("sample-values").replaceChildren(...model.values.map((name, index) => h("div", { class: "field" },
      h("label", { htmlFor: "sample-value-" + index, text: name }),
      h("input", { id: "sample-value-" + index, type: "number", step: "any", "data-value": name }))));
  }
  if (model) {
    const { size, defaults, multiple } = model;
    const set = (field, value) => { $("sample-" + field).placeholder = value ?? ""; };
    set("height", size.height);
    set("width", size.width);
    $("sample-height").step = $("sample-width").step = multiple || 1;
    $("sample-height").min = $("sample-width").min = multiple || 1;
    for (const [field, name] of numbers) set(field, defaults[name]);
    showSampler();
  }
  showControl(model);
  if ($("compare").checked && model && second.model && second.model.takes !== model.takes) {
    setText($("compare-summary"), `This model takes ${second.model.takes}, the first one ${model.takes}.`);
  }
  showCount();
}

function showSampler() {
  const usual = first.model && first.model.defaults.sampler;
  const name = (samplers.find((sampler) => sampler.id === usual) || {}).name || usual;
  setOptions($("sample-sampler"), [["", usual ? `usual: ${name}` : "as the model has it"],
    ...samplers.map((sampler) => [sampler.id, sampler.name])]);
  const sampler = samplers.find((sampler) => sampler.id === ($("sample-sampler").value || usual));
  setText($("sample-sampler-help"), sampler ? sampler.help : "");
}

/** Fills the form with the settings of a picture. */
export function useSettings(request) {
  location.hash = "#/sample";
  first.text = request.model;
  const model = first.model;
  $("compare").checked = false;
  showCompare();
  if (model && model.takes === "classes") {
    chosen.clear();
    const extra = [];
    for (const prompt of request.prompts) {
      const numbered = /^\d+$/.test(prompt) ? model.classes[Number(prompt)] : undefined;
      const name = model.classes.includes(prompt) ? prompt : numbered;
      if (name === undefined) extra.push(prompt);
      else chosen.add(name);
    }
    $("sample-extra").value = extra.join(", ");
    $("sample-search").value = "";
    showClasses();
  } else {
    $("sample-prompts").value = request.prompts.join("\n");
    $("sample-negative").value = request.negative_prompt || "";
  }
  $("sample-seeds").value = request.seeds.join(", ");
  // What is the model's own is left empty, so that another model takes its own, too.
  const usual = (model && model.defaults) || {};
  const size = /^(\d+)(?:x(\d+))?$/.exec(request.size || "");
  const own = size && model && Number(size[1]) === model.size.height
    && Number(size[2] || size[1]) === model.size.width;
  $("sample-height").value = size && !own ? size[1] : "";
  $("sample-width").value = size && !own ? size[2] || size[1] : "";
  for (const [field, key] of numbers) $("sample-" + field).value = request[key] === usual[key] ? "" : request[key]
    ?? "";
  $("sample-route").value = ["grid", "field"].includes(request.route) ? request.route : "";
  $("sample-sampler").value = (request.sampler !== usual.sampler && request.sampler) || "";
  if ($("sample-sampler").selectedIndex < 0) $("sample-sampler").value = "";
  for (const input of $("sample-values").querySelectorAll("input")) {
    const value = (request.values || []).find((text) => text.startsWith(input.dataset.value + "="));
    input.value = value ? value.slice(input.dataset.value.length + 1) : "";
  }
  $("sample-trajectory").checked = Boolean(request.trajectory);
  showSampler();
  showCount();
  showError($("sample-error"), null);
  usePicture(request);
  useControl(request);
  $("sample-go").focus();
  announce("The form has these settings.");
}

/** Sends requests to the queue; two of them are shown side by side. */
export async function sample(...requests) {
  const jobs = [];
  for (const request of requests) jobs.push((await post("jobs", request)).job);
  if (jobs.length === 2) pair(jobs[0].id, jobs[1].id);
  jobs.forEach(expect);
  announce("In the queue.");
  if (matchMedia("(max-width: 800px)").matches) {
    $("sample-side").scrollIntoView({ behavior: calm() ? "auto" : "smooth" });
  }
}

async function submit(event) {
  event.preventDefault();
  const { request, error, field } = readForm();
  showError($("sample-error"), error);
  if (error) return field && field.focus();
  $("sample-go").disabled = true;
  try {
    Object.assign(request, await pictureFields(), controlFields());
    const requests = $("compare").checked ? [request, { ...request, model: second.text }] : [request];
    await sample(...requests);
  } catch (problem) {
    showError($("sample-error"), problem);
  }
  $("sample-go").disabled = false;
}

function showCompare() {
  $("compare-fields").hidden = !$("compare").checked;
  modelChanged();
}

export function startSampling() {
  first = new ModelChooser("sample", modelChanged);
  second = new ModelChooser("compare", modelChanged);
  startPicture();
  startControl();
  $("sample-form").addEventListener("submit", submit);
  $("sample-search").addEventListener("input", showClasses);
  $("sample-search").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    $("sample-classes").firstElementChild?.click();
  });
  $("sample-all").addEventListener("click", () => {
    const search = $("sample-search").value.trim().toLowerCase();
    for (const name of first.model.classes) if (name.toLowerCase().includes(search)) chosen.add(name);
    showClasses();
  });
  $("sample-none").addEventListener("click", () => { chosen.clear(); showClasses(); });
  $("sample-random").addEventListener("click", () => {
    const count = (parseSeeds($("sample-seeds").value).seeds || [0]).length;
    $("sample-seeds").value = [...crypto.getRandomValues(new Uint32Array(Math.min(count, 1000)))].join(", ");
    showCount();
  });
  for (const id of ["sample-seeds", "sample-prompts", "sample-extra"]) $(id).addEventListener("input", showCount);
  $("sample-sampler").addEventListener("change", showSampler);
  $("compare").addEventListener("change", showCompare);
  roving($("sample-classes"), "button");
  for (const choice of ["wait", "interrupt"]) {
    $("while-training-" + choice).addEventListener("change", () => {
      post("state", { while_training: choice }).catch((error) => showError($("sample-error"), error));
    });
  }
  on("state", (state) => {
    $("while-training").hidden = !state.training;
    const button = $("while-training-" + state.while_training);
    if (button) button.checked = true;
  });
  loadModels().catch((error) => showError($("sample-error"), error));
  get("samplers").then((answer) => { samplers = answer.samplers; showSampler(); }).catch(() => {});
}

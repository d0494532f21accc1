// The page: tabs and their addresses, what runs now, and the start of everything.
import { $, enc, setText, duration, number } from "./dom.js";
import { connect, on } from "./api.js";
import { startSampling } from "./sample.js";
import { startJobs } from "./jobs.js";
import { startViewer } from "./viewer.js";
import { showGallery, startGallery } from "./gallery.js";
import { showTrain, startTrain } from "./train.js";
import { showData, startData } from "./data.js";

const tabs = ["sample", "gallery", "train", "data"];
const shows = { gallery: showGallery, train: showTrain, data: showData };
let current = "sample";
let routed = null;
const lastAddress = {};

/** The address is #/tab or #/tab/what; #/start is the form of a new training. */
function route() {
  if (location.hash === routed) return;
  routed = location.hash;
  const [head, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  let detail = "";
  try { detail = decodeURIComponent(rest.join("/")); } catch { /* a broken address shows the tab */ }
  const tab = head === "start" ? "train" : tabs.includes(head) ? head : "sample";
  current = tab;
  lastAddress[tab] = location.hash;
  for (const name of tabs) {
    const chosen = name === tab;
    $("tab-" + name).setAttribute("aria-selected", chosen);
    $("tab-" + name).tabIndex = chosen ? 0 : -1;
    $("panel-" + name).hidden = !chosen;
  }
  document.title = `${tab[0].toUpperCase()}${tab.slice(1)} · pixnerd studio`;
  if (shows[tab]) shows[tab](head === "start" ? { start: true } : { id: detail });
}

function startTabs() {
  for (const name of tabs) {
    $("tab-" + name).addEventListener("click", () => {
      location.hash = current !== name && lastAddress[name] ? lastAddress[name] : "#/" + name;
      route(); // at once; the event comes later and finds it done
    });
  }
  $("tabs").addEventListener("keydown", (event) => {
    const at = tabs.indexOf(current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = $("tab-" + tabs[(to + tabs.length) % tabs.length]);
    tab.focus();
    tab.click();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    $("main").focus();
  });
  addEventListener("hashchange", route);
  route();
}

function showState(state) {
  const machine = state.machine || {};
  setText($("machine"), [state.program, machine.processor, machine.threads && `${machine.threads} thread${machine.threads === 1 ? "" : "s"}`,
    machine.memory_gb && `${number(machine.memory_gb)} GB`].filter(Boolean).join(" · "));
  const training = state.training;
  $("training").hidden = !training;
  if (!training) return;
  const word = { stopping: "Stopping", paused: "Paused" }[training.state] || "Training";
  setText($("training-link"), `${word}: ${training.run}`);
  $("training-link").href = "#/train/" + enc(training.run);
  showProgress(training);
}

let timing = null;

function showProgress({ run, step, steps, seconds_left: left }) {
  timing = { run, steps, left };
  $("training-progress").max = steps || 1;
  $("training-progress").value = step || 0;
  $("training-progress").hidden = !Number.isFinite(step); // a training of another program may not say
  const rest = left ? `, ${duration(left)} left` : "";
  setText($("training-left"), Number.isFinite(step) ? `step ${number(step)} of ${number(steps)}${rest}` : "");
}

on("state", showState);
on("metrics", ({ run, record }) => {
  if (timing?.run !== run || $("training").hidden) return;
  showProgress({ ...timing, step: record.step, seconds_left: timing.left });
});

startJobs();
startViewer();
startSampling();
startGallery();
startTrain();
startData();
startTabs();
connect();

// Keys, activity and focus for the page of a reader study. Everything else is done by the server.
(function () {
  "use strict";

  const act = (...call) => window.trame?.trigger("act", call);
  const state = (name) => window.trame?.state?.get(name);
  const VIEW = {
    l: ["window", "lung"], m: ["window", "mediastinum"], b: ["window", "bone"],
    j: ["nodule"], n: ["tool", "click"], p: ["tool", "paint"], e: ["tool", "erase"], v: ["tool", "look"],
    1: ["layout", "axial"], 2: ["layout", "coronal"], 3: ["layout", "sagittal"], 4: ["layout", "threed"],
    arrowup: ["scroll", 1], arrowdown: ["scroll", -1],
  };
  const SWITCHES = { o: "mark" };
  const BRUSH = { "[": -1, "]": 1 };
  const TOUCH_EVERY_MS = 5000;
  let touched = 0;

  function onKey(event) {
    touch();
    const typing = event.target.closest?.(
      "input[type=text], input[type=number], textarea, dialog[open]");
    if (typing || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey) {
      if (key !== "z") return;
      act("undo");
    } else if (event.key === "?") {
      help();
    } else if (key === "tab" || (key === " " && event.target.closest?.("button"))) {
      return;
    } else if (key === "enter" && event.repeat) {
      // A key that is held down asks whether to submit, and does not answer the question too.
    } else if (SWITCHES[key]) {
      // The server knows what is on; the page may not have heard of the last key yet.
      if (!event.repeat) act("toggle", SWITCHES[key]);
    } else if (BRUSH[key] && state("screen")?.page === "case") {
      act("brush_by", BRUSH[key]);
    } else if (VIEW[key] && state("screen")?.page === "case") {
      act(...VIEW[key]);
    } else {
      const { page, confirming } = state("screen") ?? {};
      act("key", event.key.slice(0, 20), `${page}/${confirming}`);
    }
    event.preventDefault();
    event.stopPropagation();
  }

  // The server counts a minute without input as time away; telling it now and then is enough.
  function touch() {
    const now = Date.now();
    if (now - touched < TOUCH_EVERY_MS) return;
    touched = now;
    act("touch");
  }

  // Nor does a double click: under the first one lies the next question, or the next case.
  const TWICE_MS = 500;
  let clicked = -Infinity;
  function onClick(event) {
    if (!event.target.closest?.(".ds-study .ds-strong")) return;
    const soon = event.timeStamp - clicked < TWICE_MS;
    clicked = event.timeStamp;
    if (!soon) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  function help() {
    const dialog = document.getElementById("ds-help");
    if (dialog.open) dialog.close();
    else dialog.showModal();
  }

  const reason = (number) => document.getElementById("reason-" + number)?.value ?? "";

  window.addEventListener("keydown", onKey, true);
  window.addEventListener("click", onClick, true);
  for (const kind of ["mousemove", "wheel", "mousedown"]) {
    window.addEventListener(kind, touch, { capture: true, passive: true });
  }
  window.addEventListener("focus", () => act("focus", true));
  window.addEventListener("blur", () => act("focus", false));
  // The views use the right and middle buttons themselves.
  window.addEventListener("contextmenu", (event) => {
    if (event.target.closest?.(".ds-views")) event.preventDefault();
  });

  const wait = setInterval(() => {
    if (!window.trame?.utils) return;
    clearInterval(wait);
    window.trame.utils.densesharp_study = { help, reason };
  }, 20);
})();

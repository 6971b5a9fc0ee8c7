// Keys, file choice and copying for the DenseSharp page. Everything else is done by the server.
(function () {
  "use strict";

  const act = (...call) => window.trame?.trigger("act", call);
  const state = (name) => window.trame?.state?.get(name);
  const LAYOUTS = { 1: "axial", 2: "coronal", 3: "sagittal", 4: "threed" };
  const WINDOWS = { l: "lung", m: "mediastinum", b: "bone" };
  const TOOLS = { n: "seed", v: "move", p: "paint", e: "erase" };
  const SWITCHES = { o: "outlines", h: "evidence", x: "crosshair" };

  function brush(change) {
    const size = Number(state("brush_mm")) + change;
    act("brush", Math.min(Math.max(size, 1), 20));
  }

  function withSelected(name, ...more) {
    const id = state("selected");
    if (id) act(name, id, ...more);
  }

  const KEYS = {
    s: () => act("seed_here"),
    j: () => withSelected("select"),
    a: () => withSelected("decide", "accepted"),
    r: () => withSelected("decide", "rejected"),
    f: () => act("fit"),
    "[": () => brush(-1),
    "]": () => brush(1),
    "?": () => help(),
    delete: () => withSelected("delete"),
    escape: () => act(state("series").length ? "no_series" : "cancel"),
    arrowup: () => act("scroll", 1),
    arrowdown: () => act("scroll", -1),
  };

  function plainKey(key, shift) {
    if (key === "tab") return act("step", shift ? -1 : 1);
    if (LAYOUTS[key]) return act("layout", LAYOUTS[key]);
    if (WINDOWS[key]) return act("window", WINDOWS[key]);
    if (TOOLS[key]) return act("tool", TOOLS[key]);
    if (SWITCHES[key]) return act(SWITCHES[key], !state(SWITCHES[key]));
    if (KEYS[key]) return KEYS[key]();
    return false;
  }

  function onKey(event) {
    const typing = event.target.closest?.("input[type=text], textarea, dialog[open]");
    if (typing || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    // While a series is chosen, Tab and Enter walk through the list as in any dialog.
    if (state("series").length && key !== "escape") return;
    if (event.ctrlKey) {
      if (key === "z") act("undo");
      else if (key === "s") act("save");
      else return;
    } else if (plainKey(key, event.shiftKey) === false) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  function help() {
    const dialog = document.getElementById("ds-help");
    if (dialog.open) dialog.close();
    else dialog.showModal();
  }

  function copy(text) {
    navigator.clipboard.writeText(text);
  }

  function settings() {
    const dialog = document.getElementById("ds-settings");
    if (dialog.open) return dialog.close();
    dialog.showModal();
  }

  // The key goes from the field to the server; it never becomes part of the page's state.
  function server(name) {
    const text = (id) => document.getElementById(id).value;
    act(name, text("ds-server"), text("ds-key"));
  }

  const NO_IMAGE = /(^|\/)(\.|dicomdir$)|\.(html?|zip|exe|inf|pdf|txt|xml|jpe?g|png|jar|js|css)$/i;

  function choose(folder) {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.webkitdirectory = Boolean(folder);
    input.id = "ds-files";
    input.style.display = "none";
    // A burnt CD holds a viewer and its help beside the images.
    const wanted = (file) => !folder || !NO_IMAGE.test(file.webkitRelativePath || file.name);
    input.onchange = () =>
      upload([...input.files].filter(wanted)).finally(() => input.remove());
    document.body.append(input);
    input.click();
  }

  async function upload(files) {
    const form = new FormData();
    for (const file of files) form.append("files", file, file.name);
    document.body.classList.add("ds-uploading");
    try {
      const answer = await fetch("/upload", { method: "POST", body: form });
      if (!answer.ok) note(await answer.text());
    } catch (error) {
      note("The files did not arrive: is DenseSharp still running?");
    } finally {
      document.body.classList.remove("ds-uploading");
    }
  }

  function note(text) {
    window.trame.state.set("message", { text, kind: "error" });
  }

  window.addEventListener("keydown", onKey, true);
  // The views use the right and middle buttons themselves.
  window.addEventListener("contextmenu", (event) => {
    if (event.target.closest?.(".ds-views")) event.preventDefault();
  });

  const wait = setInterval(() => {
    if (!window.trame?.utils) return;
    clearInterval(wait);
    window.trame.utils.densesharp = { copy, choose, help, settings, server };
  }, 20);
})();

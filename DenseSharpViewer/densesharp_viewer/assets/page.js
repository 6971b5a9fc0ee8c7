// Keys, file choice and copying for the DenseSharp page. Everything else is done by the server.
(function () {
  "use strict";

  // The row that was clicked last, until its card is there: what is typed then is about it.
  let chosen = null;
  function act(...call) {
    if (!["stay", "rename", "reader", "seen", "shows"].includes(call[0])) chosen = null;
    return window.trame?.trigger("act", call);
  }

  function select(id) {
    act("select", id);
    chosen = id;
  }

  const state = (name) => window.trame?.state?.get(name);
  const LAYOUTS = { 1: "axial", 2: "coronal", 3: "sagittal", 4: "threed" };
  const WINDOWS = { l: "lung", m: "mediastinum", b: "bone" };
  const TOOLS = { n: "seed", "+": "more", "-": "less", z: "ruler", v: "move", p: "paint", e: "erase" };
  const SWITCHES = { o: "outlines", h: "evidence", x: "crosshair", t: "axes" };

  // The server knows where the mouse was in a slice view, but not that it has left it since.
  let lastMove = null;
  function onMove(event) {
    lastMove = event;
  }

  const KEYS = {
    s: () => act("seed_here", ...window.densesharpUnder(lastMove)),
    // Without a nodule: the server knows which one is selected when the turn of a key comes.
    j: () => act("jump"),
    a: () => act("decide_selected", "accepted"),
    r: () => act("decide_selected", "rejected"),
    f: () => act("fit"),
    "[": () => act("brush_by", -1),
    "]": () => act("brush_by", 1),
    "?": () => help(),
    delete: () => act("delete_selected"),
    ".": () => act("step", 1),
    ",": () => act("step", -1),
    home: () => worklist(),
    g: () => compare(),
    pagedown: () => act("next_case"),
    pageup: () => act("previous_case"),
    escape: () => act(...(question() ?? ["cancel"])),
    arrowup: () => act("scroll", 1),
    arrowdown: () => act("scroll", -1),
  };

  // A key that is held down decides once.
  const ONCE = new Set(["a", "r", "s", "delete", "pagedown", "pageup"]);

  // What Escape answers to an open question of the page.
  function question() {
    if (state("question").text) return ["answer", "keep"];
    if (state("leaving")) return ["no_leave"];
    return state("series").length ? ["no_series"] : undefined;
  }

  function plainKey(key, repeated) {
    if (LAYOUTS[key]) return act("layout", LAYOUTS[key]);
    if (WINDOWS[key]) return act("window", WINDOWS[key]);
    if (TOOLS[key]) return act("tool", TOOLS[key]);
    // What is on is known to the server: the page may not have heard of the last key yet.
    if (SWITCHES[key]) return repeated || act("toggle", SWITCHES[key]);
    if (ONCE.has(key) && repeated) return;
    if (KEYS[key]) return KEYS[key]();
    return false;
  }

  function onKey(event) {
    const key = event.key.toLowerCase();
    const typing = event.target.closest?.("input[type=text], textarea, select, dialog[open]");
    if (key === "?" && typing?.id === "ds-help") return help();
    if (typing?.classList.contains("ds-rename")) leaveName(event);
    else if (/^ds-(reader|patient-)/.test(typing?.id) && ["Enter", "Escape"].includes(event.key)) typing.blur();
    if (typing || event.altKey || event.metaKey) return;
    // A slider that was reached by Tab keeps its arrows; one that the mouse moved does not.
    if (key.startsWith("arrow") && event.target.matches?.("input[type=range]:focus-visible")) return;
    // While something is asked, Tab and Enter walk through the answers as in any dialog.
    if (question() && key !== "escape") return;
    if (event.ctrlKey) {
      if (key === "z") act(event.shiftKey ? "redo" : "undo");
      else if (key === "y") act("redo");
      else if (key === "s") act("save");
      else return;
    } else if (plainKey(key, event.repeat) === false) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  // The name being typed and the nodule it was begun for; the card may show another by then.
  let typing = null;
  function nameOf(card) {
    if (card.id === chosen) chosen = null;
    return typing?.text ?? card.name;
  }

  // What a field shows: what is being typed into it, else the value that the server knows.
  function kept(id, value) {
    const field = document.getElementById(id);
    const used = field && (field === document.activeElement || field.closest("dialog[open]"));
    return used ? field.value : value;
  }

  function naming(card) {
    typing = { id: chosen ?? card.id, text: card.name, before: card.name };
    act("stay");
  }

  function typed(event) {
    if (typing) typing.text = event.target.value;
  }

  function named(event, card) {
    if (!typing) return;
    const { id, text, before } = typing;
    typing = null;
    const name = text.trim().split(/\s+/).join(" ");
    const renamed = name && name !== before;
    if (renamed) act("rename", id, name);
    event.target.value = renamed && id === card.id ? name : card.name;
  }

  function leaveName(event) {
    if (event.key === "Escape" && typing) typing.text = "";
    else if (event.key !== "Enter") return;
    event.target.blur();
  }

  // The row of another selected nodule comes into sight; a reader who scrolls on is left alone.
  let inView = null, seen = 0;
  function inSight(row, id) {
    if (id !== state("selected")) return;
    const came = state("came");
    if (came && came !== seen) act("seen", (seen = came)); // until then no key decides about it
    if (id === inView) return;
    inView = id;
    row.scrollIntoView({ block: "nearest" });
  }

  // The page shows another CT: until then no key or button is about its nodules.
  let ct = 0;
  function shows(number) {
    if (number && number !== ct) act("shows", (ct = number));
  }

  function help() {
    const dialog = document.getElementById("ds-help");
    if (dialog.open) dialog.close();
    else dialog.showModal();
  }

  // All cases; with one that was chosen: open it.
  function worklist(chosen) {
    const dialog = document.getElementById("ds-worklist");
    if (chosen) act("case", chosen);
    if (dialog.open) return dialog.close();
    if (!state("cases").rows.length) return;
    dialog.showModal();
    dialog.querySelector(".ds-on")?.focus();
  }

  // Both CTs side by side; without an earlier one the dialog that opens it.
  function compare() {
    if (state("prior")) return act("layout", "pair");
    const dialog = document.getElementById("ds-prior");
    if (dialog.open) dialog.close();
    else if (state("opened")) dialog.showModal();
  }

  function earlier(folder) {
    document.getElementById("ds-prior").close();
    choose(folder, "/upload?as=earlier");
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      note("Copied.", "info");
    } catch (error) {
      note("The browser does not let this page copy: mark the sentence and press Ctrl + C.");
    }
  }

  // A double click decides, deletes or goes on once: where a row or a case is gone, the next one
  // lies under the pointer. Another row's bin, however soon, is another click.
  const TWICE_MS = 500, SAME_PIXELS = 8;
  let clicked = { title: "", at: 0, x: 0, y: 0 };
  function onClick(event) {
    const control = event.target.closest?.(".ds-once");
    if (!control) return;
    const now = { title: control.title, at: event.timeStamp, x: event.clientX, y: event.clientY };
    const soon = now.title === clicked.title && now.at - clicked.at < TWICE_MS
      && Math.hypot(now.x - clicked.x, now.y - clicked.y) < SAME_PIXELS;
    clicked = now;
    if (!soon) return;
    event.preventDefault();
    event.stopImmediatePropagation();
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

  function choose(folder, address = "/upload") {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.webkitdirectory = Boolean(folder);
    input.id = "ds-files";
    input.style.display = "none";
    // A burnt CD holds a viewer and its help beside the images.
    const wanted = (file) => !folder || !NO_IMAGE.test(file.webkitRelativePath || file.name);
    input.onchange = () =>
      upload([...input.files].filter(wanted), address).finally(() => input.remove());
    document.body.append(input);
    input.click();
  }

  async function upload(files, address) {
    const form = new FormData();
    for (const file of files) form.append("files", file, file.name);
    document.body.classList.add("ds-uploading");
    try {
      const answer = await fetch(address, { method: "POST", body: form });
      if (!answer.ok) note(await answer.text());
    } catch (error) {
      note("The files did not arrive: is DenseSharp still running?");
    } finally {
      document.body.classList.remove("ds-uploading");
    }
  }

  function note(text, kind = "error") {
    window.trame.state.set("message", { text, kind });
  }

  // A message of the page itself is not known to the server, which then has nothing to take back.
  function forget() {
    window.trame.state.set("message", { text: "", kind: "info" });
    act("forget");
  }

  window.addEventListener("keydown", onKey, true);
  window.addEventListener("click", onClick, true);
  window.addEventListener("mousemove", onMove, { capture: true, passive: true });
  document.addEventListener("mouseleave", onMove);
  // trame ends the connection at this event, too early for a reader who then stays. One who loads
  // the page anew must find the place free: the server is told before the browser asks.
  window.addEventListener("beforeunload", (event) => {
    if (!state("unsaved") || document.querySelector(".ds-lost")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act("away", true);
    setTimeout(() => act("away", false), 2000);
  }, true);
  // The views use the right and middle buttons themselves.
  window.addEventListener("contextmenu", (event) => {
    if (event.target.closest?.(".ds-views")) event.preventDefault();
  });

  const wait = setInterval(() => {
    if (!window.trame?.utils) return;
    clearInterval(wait);
    window.trame.utils.densesharp = {
      choose, compare, copy, earlier, forget, help, inSight, kept, nameOf, named, naming, select, server, settings, shows, typed, worklist,
    };
    // What was drawn before this was there told nobody.
    const came = state("came");
    if (came) act("seen", (seen = came));
    shows(state("ct"));
  }, 20);
})();

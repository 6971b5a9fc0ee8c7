// Keeps the order of what hands do. Mouse events of a view are sent one after the other, each once
// the one before was answered: a key or a button would overtake a stroke that has just ended. So
// an action waits until all that the mouse did in a view before it is on its way.
(function () {
  "use strict";

  const KINDS = { pointerdown: "button", pointerup: "button", pointermove: "move", wheel: "wheel" };
  // Longer than the pause between an answer and the next mouse event; see event_throttle_ms.
  const QUIET_MS = 50;

  const made = { button: 0, move: 0, wheel: 0 };
  const sent = { ...made };
  const waiting = [];
  let flying = 0, quiet = null;

  function pass() {
    const isSent = (count) => Object.keys(count).every((kind) => count[kind] <= sent[kind]);
    while (waiting.length && isSent(waiting[0].made)) waiting.shift().go();
  }

  // What was not sent by now never will be: the view had no use for it.
  function rest() {
    clearTimeout(quiet);
    if (flying) return;
    quiet = setTimeout(() => {
      Object.assign(sent, made);
      pass();
    }, QUIET_MS);
  }

  function onMouse(event) {
    const over = event.target.closest?.(".ds-views .layout-grid-item, .ds-over");
    if (!over || over.classList.contains("ds-over")) return;
    made[KINDS[event.type]] += 1;
    rest();
  }

  function isOnItsWay(type) {
    if (type === "MouseMove") sent.move = made.move; // moves that wait are joined into one
    else if (type === "MouseWheel") sent.wheel += 1;
    else if (/(Press|Release)$/.test(type)) sent.button += 1;
    pass();
  }

  function answered() {
    flying -= 1;
    rest();
  }

  function watched(session) {
    function call(method, args, ...more) {
      const answer = session.call(method, args, ...more);
      if (method !== "trame.rca.event") return answer;
      flying += 1;
      clearTimeout(quiet);
      isOnItsWay(args[2].type);
      answer.then(answered, answered);
      return answer;
    }
    return { ...session, call };
  }

  // The views take their session from here when they are made.
  function install(trame) {
    const { client, trigger } = trame;
    const session = watched(client.getConnection().getSession());
    const connection = { ...client.getConnection(), getSession: () => session };
    trame.client = { ...client, getConnection: () => connection };
    trame.trigger = (...call) =>
      new Promise((resolve) => {
        waiting.push({ made: { ...made }, go: () => resolve(trigger(...call)) });
        pass();
      });
  }

  for (const kind of Object.keys(KINDS)) {
    window.addEventListener(kind, onMouse, { capture: true, passive: true });
  }
  install(window.trame);
})();

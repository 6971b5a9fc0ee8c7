// Keeps the order of what hands do, and says which picture they were on. Mouse events of a view are
// sent one after the other, each once the one before was answered: a key, a button or a click in
// another view would overtake a stroke that has just ended. So each waits for what hands did before
// it. And a press tells which picture it was made on: another one may be on its way.
(function () {
  "use strict";

  const KINDS = { pointerdown: "Press", pointerup: "Release", wheel: "Wheel" };
  // Together longer than the pause between an answer and the next mouse event; see
  // event_throttle_ms. Turns, as a busy browser runs all timers that are due at once.
  const TURN_MS = 10, TURNS = 5;

  const pictures = {}; // name of a view: number of the picture that it shows
  let hands = []; // what hands did and is not sent yet, in order; `go` sends it
  let moves = 0, sent = 0; // moves of the mouse that were made, and of these on their way
  let flying = 0, quiet = null;

  // The view under an event, and its name; over the texts of a view there is none.
  function viewOf(event) {
    const view = event.target.closest?.(".ds-views .layout-grid-item");
    return event.target.closest?.(".ds-over") ? null : view;
  }

  const nameOf = (view) => view?.querySelector("[data-view]")?.dataset.view ?? "";

  function pass() {
    while (hands.length && hands[0].go && hands[0].moves <= sent) hands.shift().go();
  }

  // What was not sent by now never will be: the view had no use for it.
  function rest(turns = TURNS) {
    clearTimeout(quiet);
    if (!flying) quiet = setTimeout(() => (turns ? rest(turns - 1) : give()), TURN_MS);
  }

  function give() {
    sent = moves;
    hands = hands.filter((each) => each.go);
    pass();
  }

  function onMouse(event) {
    const view = viewOf(event);
    if (!view) return;
    if (event.type === "pointermove") moves += 1;
    else {
      const name = nameOf(view);
      hands.push({ name, kind: KINDS[event.type], picture: pictures[name] ?? 0, moves: 0 });
    }
    rest();
  }

  function kindOf(type) {
    return type === "MouseWheel" ? "Wheel" : /(Press|Release)$/.exec(type)?.[0];
  }

  // An event of a view is to be sent: at once, or when its turn comes.
  function inTurn(name, event, send) {
    if (event.type === "MouseMove") sent = moves; // moves that wait are joined into one
    const kind = kindOf(event.type);
    const hand = hands.find((each) => each.name === name && each.kind === kind && !each.go);
    const picture = kind === "Press" ? { picture: hand?.picture ?? 0 } : {};
    const answer = new Promise((resolve) => {
      const go = () => resolve(send({ ...event, ...picture }));
      if (kind && hand) hand.go = go;
      else go();
    });
    pass();
    return answer;
  }

  function answered() {
    flying -= 1;
    rest();
  }

  function watched(session) {
    function call(method, args, ...more) {
      if (method !== "trame.rca.event") return session.call(method, args, ...more);
      const [name, origin, event] = args;
      return inTurn(name, event, (told) => {
        flying += 1;
        clearTimeout(quiet);
        const answer = session.call(method, [name, origin, told], ...more);
        answer.then(answered, answered);
        return answer;
      });
    }
    function subscribe(topic, hear) {
      if (topic !== "trame.rca.topic.stream") return session.subscribe(topic, hear);
      return session.subscribe(topic, (messages) => {
        for (const { name, meta } of messages) pictures[name] = meta.picture ?? 0;
        return hear(messages);
      });
    }
    return { ...session, call, subscribe };
  }

  // The views take their session from here when they are made.
  function install(trame) {
    const { client, trigger } = trame;
    const session = watched(client.getConnection().getSession());
    const connection = { ...client.getConnection(), getSession: () => session };
    trame.client = { ...client, getConnection: () => connection };
    trame.trigger = (...call) =>
      new Promise((resolve) => {
        hands.push({ moves, go: () => resolve(trigger(...call)) });
        pass();
      });
  }

  for (const kind of [...Object.keys(KINDS), "pointermove"]) {
    window.addEventListener(kind, onMouse, { capture: true, passive: true });
  }
  // Name and picture of the view under the mouse; of none: an empty name.
  window.densesharpUnder = (event) => {
    const name = nameOf(event?.target.closest?.(".ds-views .layout-grid-item"));
    return [name, pictures[name] ?? 0];
  };
  install(window.trame);
})();

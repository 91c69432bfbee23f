// The script of pages that are looked at and not acted on: it puts pushed
// regions in place and notices that the server went silent. Without it the page
// is renewed by reloading.
"use strict";
(() => {
  const live = document.getElementById("live"), lost = document.getElementById("lost");
  const silence = 6000, look = 500;

  // A region is changed only where it differs, so that nothing flickers, and the
  // focus, a selection and what is scrolled or opened stay.
  function become(from, to) {
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) { from.replaceWith(to); return; }
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) { from.nodeValue = to.nodeValue; }
      return;
    }
    for (const a of [...from.attributes]) {
      if (!to.hasAttribute(a.name) && !(from.nodeName === "DETAILS" && a.name === "open")) { from.removeAttribute(a.name); }
    }
    for (const a of to.attributes) {
      if (from.getAttribute(a.name) !== a.value) { from.setAttribute(a.name, a.value); }
    }
    children(from, to);
  }
  function children(from, to) {
    const had = [...from.childNodes], has = [...to.childNodes];
    has.forEach((n, i) => { if (i < had.length) { become(had[i], n); } else { from.append(n); } });
    for (const n of had.slice(has.length)) { n.remove(); }
  }
  function put(name, html) {
    const next = document.createElement("template");
    next.innerHTML = html;
    children(document.getElementById("region-" + name), next.content);
  }

  let last = Date.now();
  function alive() { last = Date.now(); lost.hidden = true; }
  function connect() {
    const source = new EventSource(live.dataset.events);
    source.addEventListener("page", (e) => {
      const m = JSON.parse(e.data);
      if (m.build !== live.dataset.build) { location.reload(); return; }
      for (const r of m.regions) { put(r.name, r.html); }
      live.dataset.version = m.version;
      alive();
    });
    source.addEventListener("beat", alive);
    source.addEventListener("signin", () => location.reload());
    // The browser gives up for good after an answer that is not a stream.
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) { setTimeout(connect, 1000); }
    });
  }
  connect();
  setInterval(() => { if (Date.now() - last > silence) { lost.hidden = false; } }, look);
})();

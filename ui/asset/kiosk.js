// The kiosk's own script. The server renders everything; this file only puts
// pushed regions in place, notices that the server went silent, keeps the VIN
// field under the scanner's keystrokes, and makes the sounds. Without it the
// page is plain forms.
"use strict";
(() => {
  const body = document.body, $ = (id) => document.getElementById(id);
  const lost = $("lost"), problem = $("problem"), entry = $("entry"), vin = $("vin");
  const silence = 6000, beatCheck = 500;

  // Regions: replace what changed; keep what the guard opened and where the
  // focus was.
  function put(name, html) {
    const el = $("region-" + name);
    const open = [...el.querySelectorAll("details[open]")].map((d) => d.id);
    const focus = el.contains(document.activeElement) ? document.activeElement : null;
    const scroll = el.querySelector("[open] .sheet")?.scrollTop;
    const fields = focus && focus.form ? [...focus.form.elements].map((f) => [f.name, f.value]) : [];
    el.innerHTML = html;
    for (const id of open) { const d = $(id); if (d) { d.open = true; } }
    const sheet = el.querySelector("[open] .sheet");
    if (sheet && scroll) { sheet.scrollTop = scroll; }
    if (focus && focus.id && $(focus.id)) { $(focus.id).focus(); }
    if (fields.length) {
      const form = el.querySelector("details[open] form");
      if (form) { for (const [n, v] of fields) { const f = form.elements[n]; if (f && f.type !== "hidden") { f.value = v; } } }
    }
    if (isLost) { disable(true); }
    if (name === "acts") { settle(el); waits(); }
  }

  // Another vehicle, or another verdict of the same, came under a finger that was
  // already on its way: its buttons take nothing for a moment.
  const meant = (el) => {
    const id = el?.querySelector("[name=passage]")?.value;
    return id ? id + " " + el.querySelector("[name=decision]")?.value : "";
  };
  let passage = meant($("region-acts"));
  function settle(el) {
    const now = meant(el);
    if (passage && now && now !== passage) {
      disable(true);
      setTimeout(() => disable(isLost), 400);
    }
    passage = now;
  }

  // One more label may be read of the vehicle that waits, and of no other.
  function waits() {
    const id = $("waits")?.value || "", box = $("same");
    if (!box) { return; }
    if (box.value !== id) { box.checked = false; box.value = id; }
    box.closest("label").hidden = !id;
  }

  // Sounds: told apart by pitch, number and length.
  let audio, cue = body.dataset.cue || "", lastAlarm = 0;
  const tones = {
    grant: [[660, 0.12], [880, 0.2]],
    flag: [[520, 0.14], [0, 0.08], [520, 0.14], [0, 0.08], [520, 0.14]],
    deny: [[196, 0.45], [0, 0.12], [165, 0.6]],
    alarm: [[880, 0.18], [587, 0.18], [880, 0.18], [587, 0.18]],
    lost: [[440, 0.2], [330, 0.2], [220, 0.4]],
  };
  function sound(name) {
    const seq = tones[name];
    if (!seq || !window.AudioContext) { return; }
    audio = audio || new AudioContext();
    audio.resume().then(() => {
      let t = audio.currentTime + 0.02;
      for (const [hz, long] of seq) {
        if (hz) {
          const o = audio.createOscillator(), g = audio.createGain();
          o.type = name === "deny" ? "sawtooth" : "triangle";
          o.frequency.value = hz;
          g.gain.setValueAtTime(0.0001, t);
          g.gain.exponentialRampToValueAtTime(0.4, t + 0.01);
          g.gain.setValueAtTime(0.4, t + long - 0.02);
          g.gain.exponentialRampToValueAtTime(0.0001, t + long);
          o.connect(g).connect(audio.destination);
          o.start(t); o.stop(t + long);
        }
        t += long;
      }
    }).catch(() => {});
    body.dataset.sound = name;
  }
  function cueIs(next) {
    const [main, ring] = next.split("|"), [was, rang] = cue.split("|");
    const name = main.split(":")[0], fresh = main !== was && name;
    if (fresh) { sound(name); }
    if (ring && ring !== rang) { setTimeout(() => sound("alarm"), fresh ? 900 : 0); }
    if (name === "alarm") { lastAlarm = Date.now(); }
    cue = next;
  }

  // Connection: a heartbeat every 2 s; 6 s without one and nothing on the
  // screen may be acted on.
  let last = Date.now(), isLost = false, source;
  function disable(off) {
    for (const b of document.querySelectorAll("#live button, #live summary, #entry button")) {
      if ("disabled" in b && !b.hidden) { b.disabled = off; }
    }
  }
  function setLost(v) {
    if (v === isLost) { return; }
    isLost = v;
    lost.hidden = !v;
    disable(v);
    if (v) { sound("lost"); }
  }
  function alive() { last = Date.now(); setLost(false); }
  function connect() {
    source = new EventSource(body.dataset.events);
    source.addEventListener("lane", (e) => {
      const m = JSON.parse(e.data);
      if (m.build !== body.dataset.build) { location.reload(); return; }
      for (const r of m.regions) { put(r.name, r.html); }
      body.dataset.version = m.version;
      alive();
      cueIs(m.cue);
    });
    source.addEventListener("beat", (e) => {
      $("clock").textContent = e.data;
      alive();
      if (cue.split("|")[0] === "alarm" && Date.now() - lastAlarm > 6000) { lastAlarm = Date.now(); sound("alarm"); }
    });
    source.addEventListener("signin", () => location.reload());
    // The browser gives up for good after an answer that is not a stream, as
    // from a server that is just starting: go on trying ourselves.
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) { setTimeout(connect, 1000); }
    });
  }
  // In training there is no lane to be heard of: the page is as it was sent, and
  // its forms are those of any page.
  const live = Boolean(body.dataset.events);
  if (live) {
    connect();
    setInterval(() => { if (Date.now() - last > silence) { setLost(true); } }, beatCheck);
  } else {
    const name = cue.split(":")[0];
    if (name) { sound(name); }
  }

  // Forms go without leaving the page; the answer comes by the stream.
  document.addEventListener("submit", async (e) => {
    const form = e.target;
    if (!live || form !== entry && !form.closest("#live")) { return; }
    if (form.classList.contains("leave")) { if (isLost) { e.preventDefault(); } return; }
    e.preventDefault();
    if (isLost || form.dataset.busy) { return; }
    form.dataset.busy = "1";
    problem.hidden = true;
    try {
      const res = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } });
      const answer = await res.json();
      if (!res.ok) { throw new Error(answer.text); }
      if (form === entry) { form.reset(); entry.elements.via.value = "keyboard"; pad(false); } else { form.closest("details")?.removeAttribute("open"); }
      vin?.focus();
    } catch (err) {
      problem.textContent = err instanceof TypeError || err instanceof SyntaxError ? lost.textContent : err.message;
      problem.hidden = false;
    } finally {
      delete form.dataset.busy;
    }
  });
  problem.addEventListener("click", () => { problem.hidden = true; });

  // Scanner: whatever is typed outside a field belongs to the VIN, and Enter in
  // the form of an act never acts, so that a scan cannot open the barrier.
  let first = 0;
  document.addEventListener("keydown", (e) => {
    if (audio === undefined && window.AudioContext) { audio = new AudioContext(); }
    const at = document.activeElement;
    if (e.key === "Enter" && at instanceof HTMLInputElement && at.closest("#live")) { e.preventDefault(); return; }
    if (!vin || e.ctrlKey || e.altKey || e.metaKey || e.key.length !== 1 || e.key === " ") { return; }
    if (at === document.body || !(at instanceof HTMLInputElement || at instanceof HTMLSelectElement)) { vin.focus(); }
    if (document.activeElement === vin && vin.value === "") { first = performance.now(); }
  }, true);
  // Nobody types 17 characters at 50 ms each.
  vin?.addEventListener("keydown", (e) => {
    if (e.key === "Enter") {
      const fast = vin.value.length >= 11 && performance.now() - first < 50 * vin.value.length;
      entry.elements.via.value = fast ? "scanner" : "keyboard";
    }
  });
  document.addEventListener("pointerdown", () => { if (audio === undefined && window.AudioContext) { audio = new AudioContext(); } }, { once: true });

  // Whoever keeps the clock pressed for two seconds calls for help. Nothing of it
  // is to be seen, heard or felt; it is said again until it has been heard.
  const clock = $("clock");
  let pressed;
  const call = () => {
    fetch(body.dataset.lane + "duress", { method: "POST", body: new URLSearchParams() })
      .then((res) => { if (res.status >= 500) { throw new Error(); } if (!live) { location.reload(); } })
      .catch(() => setTimeout(call, 1000));
  };
  if (body.dataset.lane) {
    // By the keyboard: the Escape key, kept down as long.
    document.addEventListener("keydown", (e) => { if (e.key === "Escape" && !e.repeat) { clearTimeout(pressed); pressed = setTimeout(call, 2000); } });
    document.addEventListener("keyup", (e) => { if (e.key === "Escape") { clearTimeout(pressed); } });
    clock.addEventListener("pointerdown", () => { clearTimeout(pressed); pressed = setTimeout(call, 2000); });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) { clock.addEventListener(end, () => clearTimeout(pressed)); }
    clock.addEventListener("contextmenu", (e) => e.preventDefault());
  }

  // Keypad.
  const toggle = $("pad-toggle");
  function pad(on) { if (toggle) { $("pad").hidden = !on; toggle.setAttribute("aria-expanded", on); } }
  if (toggle) {
    toggle.hidden = false;
    toggle.addEventListener("click", () => pad($("pad").hidden));
    $("pad").addEventListener("click", (e) => {
      const k = e.target.closest("button")?.dataset.key;
      if (!k) { return; }
      if (k === "clear") { vin.value = ""; } else if (k === "delete") { vin.value = vin.value.slice(0, -1); } else if (vin.value.length < 17) { vin.value += k; }
    });
  }
})();

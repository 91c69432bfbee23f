// The bell of the page of alarms. It rings once for each alarm that comes, and
// again and again while somebody calls for help. Without it the page is silent.
"use strict";
(() => {
  const open = document.getElementById("region-open"), title = document.title, heard = new Set();
  const again = 4000;
  let audio;
  function ring() {
    document.body.dataset.sound = "alarm";
    if (!window.AudioContext) { return; }
    audio = audio || new AudioContext();
    audio.resume().then(() => {
      const start = audio.currentTime + 0.02;
      [880, 587, 880, 587, 880, 587].forEach((hz, i) => {
        const o = audio.createOscillator(), g = audio.createGain(), t = start + 0.2 * i;
        o.type = "square";
        o.frequency.value = hz;
        g.gain.setValueAtTime(0.0001, t);
        g.gain.exponentialRampToValueAtTime(0.3, t + 0.01);
        g.gain.setValueAtTime(0.3, t + 0.17);
        g.gain.exponentialRampToValueAtTime(0.0001, t + 0.19);
        o.connect(g).connect(audio.destination);
        o.start(t); o.stop(t + 0.2);
      });
    }).catch(() => {});
  }
  function look() {
    const alarms = [...open.querySelectorAll(".alarm")];
    document.title = alarms.length ? "(" + alarms.length + ") " + title : title;
    const fresh = alarms.filter((a) => !heard.has(a.id));
    for (const a of fresh) { heard.add(a.id); }
    if (fresh.length) { ring(); }
  }
  new MutationObserver(look).observe(open, { childList: true, subtree: true, attributes: true, attributeFilter: ["id", "class"] });
  setInterval(() => { if (open.querySelector(".alarm.silent")) { ring(); } }, again);
  look();
})();

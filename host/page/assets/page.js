// Keeps the page up to date: sections arrive as events and take the place of those that are there.
"use strict";

// How long the stream may be silent before what is shown counts as old, in ms.
const SILENCE = 10000;

let heard = Date.now();
// How much this machine's clock is ahead of the server's, in ms.
let ahead = 0;

function showAges(within) {
  for (const time of within.querySelectorAll("time[data-at]")) {
    const seconds = Math.max(0, Math.round((Date.now() - ahead - Number(time.dataset.at)) / 1000));
    time.title ||= time.textContent;
    time.textContent =
      seconds < 120 ? `${seconds} s ago`
      : seconds < 7200 ? `${Math.floor(seconds / 60)} min ago`
      : `${Math.floor(seconds / 3600)} h ago`;
  }
}

function readClock() {
  const clock = document.getElementById("clock");
  if (clock) ahead = Date.now() - Number(clock.dataset.now);
}

function replace(name, html) {
  const section = document.getElementById(name);
  if (!section) return;
  const focused = section.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const scrolled = [...section.querySelectorAll(".wide")].map((wide) => wide.scrollLeft);
  section.innerHTML = html;
  if (name === "header") readClock();
  showAges(section);
  section.querySelectorAll(".wide").forEach((wide, index) => { wide.scrollLeft = scrolled[index] || 0; });
  if (focused) section.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

function follow(address) {
  const stream = new EventSource(address);
  for (const section of document.querySelectorAll("main > section")) {
    stream.addEventListener(section.id, (event) => {
      heard = Date.now();
      replace(section.id, JSON.parse(event.data));
    });
  }
  // Where the server has refused the stream, the browser doesn't try it again by itself.
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => follow(address), SILENCE / 2);
  });
  addEventListener("pagehide", () => stream.close());
}

function followLog(log) {
  const stream = new EventSource(log.dataset.log);
  let begun = false;
  stream.addEventListener("log", (event) => {
    if (!begun) log.textContent = "";
    begun = true;
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    log.append(JSON.parse(event.data));
    if (atEnd) log.scrollTop = log.scrollHeight;
  });
  stream.addEventListener("end", () => stream.close());
  stream.addEventListener("error", () => stream.close());
  addEventListener("pagehide", () => stream.close());
}

// A part of the tree is read when it is opened.
document.addEventListener("toggle", async (event) => {
  const details = event.target;
  if (!(details instanceof HTMLDetailsElement) || !details.open || !details.dataset.key) return;
  const place = details.querySelector(":scope > div");
  const answer = await fetch(`/tree?part=1&key=${encodeURIComponent(details.dataset.key)}`).catch(() => null);
  if (answer?.ok) place.innerHTML = await answer.text();
  else place.textContent = answer ? await answer.text() : "The page's server doesn't answer.";
}, true);

readClock();
showAges(document);
setInterval(() => {
  showAges(document);
  const live = document.body.dataset.live;
  document.getElementById("stale").hidden = !live || Date.now() - heard < SILENCE;
}, 1000);
if (document.body.dataset.live) follow(document.body.dataset.live);
const log = document.getElementById("log");
if (log) followLog(log);

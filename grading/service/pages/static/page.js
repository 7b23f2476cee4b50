// On every page: times in the zone of whoever reads it.
for (const time of document.querySelectorAll("time")) {
  const at = new Date(time.dateTime);
  time.title = time.dateTime;
  time.textContent = at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

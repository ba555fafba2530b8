"use strict";
// The filter of the completions. Its state is the page's fragment, so that a filtered view can be linked: #kept=no&round=2&q=loop
(() => {
  const form = document.getElementById("filters");
  if (!form) return;
  const items = [...document.querySelectorAll("#completions-list > li")];
  const told = document.getElementById("filter-count");
  const apply = () => {
    const asked = [...form.elements].filter((e) => e.name && e.value.trim());
    let shown = 0;
    for (const item of items) {
      const fits = asked.every((e) =>
        e.name === "q" ? item.textContent.toLowerCase().includes(e.value.trim().toLowerCase()) : item.dataset[e.name] === e.value);
      item.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    told.textContent = shown === items.length ? `${items.length} shown` : `${shown} of ${items.length} shown`;
    return asked;
  };
  const read = () => {
    const wanted = new URLSearchParams(location.hash.slice(1));
    for (const e of form.elements) if (e.name && wanted.has(e.name)) e.value = wanted.get(e.name);
    apply();
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    const state = new URLSearchParams(apply().map((e) => [e.name, e.value.trim()]));
    history.replaceState(null, "", state.size ? `#${state}` : location.pathname);
  });
  addEventListener("hashchange", read);
  form.hidden = false;
  read();
})();
addEventListener("beforeprint", () => { for (const e of document.querySelectorAll("details.paper")) e.open = true; });

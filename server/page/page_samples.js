"use strict";
// The photos of this server that a visitor without one at hand can try.
const samples = {
  // Shows those that one of these labels is right for.
  offer(labels) {
    const known = new Set(labels);
    let some = false;
    for (const button of at("samples").querySelectorAll("button")) {
      button.hidden = !button.dataset.labels.split("|").some((label) => known.has(label));
      some = some || !button.hidden;
    }
    at("samples").hidden = !some;
  },

  async load(button) {
    const address = button.querySelector("img").src, response = await fetch(address);
    if (!response.ok) throw new Error(`The answer was status ${response.status}.`);
    return new File([await response.blob()], address.split("/").pop(), {type: "image/jpeg"});
  },
};

/* Cost: what a sampler's run takes in network evaluations, and where the sampler comes from. */
(function (Lab) {
  "use strict";

  /** Network evaluations of a picture; guidance asks twice a question unless its scale is 0 or 1. */
  Lab.evaluations = (perStep, steps, scale) => Math.round(perStep * steps) * (scale === 0 || scale === 1 ? 1 : 2);

  if (typeof module === "object" && module.exports) {
    module.exports = Lab;
    return;
  }

  Lab.define("cost", function ({ element, props, watch }) {
    const line = element.querySelector(".cost");
    function show() {
      const { sampler, steps, scale, about } = props.value || {};
      const entry = about && about[sampler];
      if (!entry) return;
      const nfe = Lab.evaluations(entry.evaluations, steps, scale);
      const said =
        scale === 0 || scale === 1
          ? Lab.text("{nfe} evaluations a picture.", { nfe })
          : Lab.text("{nfe} evaluations a picture: guidance asks twice at each step.", { nfe });
      line.textContent = `${said} ${entry.paper}.`;
    }
    watch("value", show);
    show();
  });
})(typeof module === "object" && module.exports ? require("./lib.js") : window.Lab);

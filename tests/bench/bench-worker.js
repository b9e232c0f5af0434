// The page's worker with counters: what it asks of the GPU in each step, and how long it waits for answers.
// `cargo xtask bench page` puts this file beside the built page.

const counters = { dispatches: 0, submissions: 0, waiting_ms: 0 };

const wrap = (prototype, name, around) => {
  const original = prototype[name];
  prototype[name] = function (...args) {
    return around(() => original.apply(this, args));
  };
};

const counting = (counter) => (call) => {
  counters[counter] += 1;
  return call();
};

if (self.GPUComputePassEncoder) {
  wrap(GPUComputePassEncoder.prototype, "dispatchWorkgroups", counting("dispatches"));
  wrap(GPUComputePassEncoder.prototype, "dispatchWorkgroupsIndirect", counting("dispatches"));
  wrap(GPUQueue.prototype, "submit", counting("submissions"));
  // Several answers are waited for at once: time counts while any of them is open, once.
  let open = 0;
  let since = 0;
  wrap(GPUBuffer.prototype, "mapAsync", async (call) => {
    if (open++ === 0) since = performance.now();
    await call();
    if (--open === 0) counters.waiting_ms += performance.now() - since;
  });
}

const post = self.postMessage.bind(self);
self.postMessage = (text) => {
  const event = JSON.parse(text);
  if (event.event === "step") {
    Object.assign(event, counters);
    for (const name in counters) counters[name] = 0;
  }
  post(JSON.stringify(event));
};

importScripts(`worker-loader.js${location.search}`);

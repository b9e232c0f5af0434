// The page's worker with counters: what it asks of the GPU in each step, how long it waits for answers, and how much
// memory it holds.
// `cargo xtask bench page` puts this file beside the built page.

const counters = { dispatches: 0, bound_bytes: 0, submissions: 0, waiting_ms: 0 };

// Of buffers that were made, and neither destroyed nor collected. wgpu destroys no buffer in the browser, it forgets them;
// so they are collected here every so many steps, which needs Chrome's `--js-flags=--expose-gc`.
const memory = { gpu_bytes: 0, gpu_buffers: 0 };
const STEPS_BETWEEN_COLLECTIONS = 50;
let steps = 0;
const release = (bytes) => {
  memory.gpu_bytes -= bytes;
  memory.gpu_buffers -= 1;
};
const collected = new FinalizationRegistry(release);

// The program's own memory is known by its instance.
let program;
for (const name of ["instantiate", "instantiateStreaming"]) {
  const original = WebAssembly[name];
  WebAssembly[name] = async (...args) => {
    const made = await original.apply(WebAssembly, args);
    program = made.instance ?? made;
    return made;
  };
}

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
  // What a dispatch is given to read and write: it touches no more, and seldom less.
  const given = new WeakMap();
  const group = GPUDevice.prototype.createBindGroup;
  GPUDevice.prototype.createBindGroup = function (described) {
    const made = group.call(this, described);
    const bytes = [...described.entries].map(({ resource }) =>
      resource.buffer ? (resource.size ?? resource.buffer.size - (resource.offset ?? 0)) : (resource.size ?? 0),
    );
    given.set(made, bytes.reduce((sum, size) => sum + size, 0));
    return made;
  };
  const bound = new WeakMap();
  const bind = GPUComputePassEncoder.prototype.setBindGroup;
  GPUComputePassEncoder.prototype.setBindGroup = function (index, made, ...rest) {
    if (!bound.has(this)) bound.set(this, []);
    bound.get(this)[index] = made ? given.get(made) : 0;
    return bind.call(this, index, made, ...rest);
  };
  for (const name of ["dispatchWorkgroups", "dispatchWorkgroupsIndirect"]) {
    const dispatch = GPUComputePassEncoder.prototype[name];
    GPUComputePassEncoder.prototype[name] = function (...args) {
      counters.dispatches += 1;
      for (const bytes of bound.get(this) ?? []) counters.bound_bytes += bytes ?? 0;
      return dispatch.apply(this, args);
    };
  }
  wrap(GPUQueue.prototype, "submit", counting("submissions"));
  const create = GPUDevice.prototype.createBuffer;
  GPUDevice.prototype.createBuffer = function (described) {
    memory.gpu_bytes += described.size;
    memory.gpu_buffers += 1;
    const buffer = create.call(this, described);
    collected.register(buffer, described.size, buffer);
    return buffer;
  };
  const destroy = GPUBuffer.prototype.destroy;
  GPUBuffer.prototype.destroy = function () {
    if (collected.unregister(this)) release(this.size);
    return destroy.call(this);
  };
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
self.postMessage = (message) => {
  // Checkpoints travel as objects.
  if (typeof message !== "string") return post(message);
  const event = JSON.parse(message);
  if (event.event === "step" || event.event === "live") {
    Object.assign(event, counters, memory, {
      wasm_bytes: program?.exports.memory?.buffer.byteLength,
    });
    for (const name in counters) counters[name] = 0;
    // What is collected now is counted by the next step.
    steps += 1;
    if (steps % STEPS_BETWEEN_COLLECTIONS === STEPS_BETWEEN_COLLECTIONS - 1) self.gc?.();
  }
  post(JSON.stringify(event));
};

importScripts(`worker-loader.js${location.search}`);

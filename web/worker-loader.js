// Loads the computing program in a dedicated worker. It exists to report what would be lost otherwise:
// a rejected promise in a worker does not reach the page's `error` handler.

const fail = (event, what, next) => (reason) =>
  postMessage(
    JSON.stringify({
      event,
      what,
      have: String(reason?.message ?? reason),
      need: "A browser with WebAssembly and its SIMD instructions, and enough memory.",
      next,
    }),
  );

// Held as long as this worker lives: the page waits for it, and so learns of a death that nothing else tells.
navigator.locks?.request(self.name || "rllr-worker", () => new Promise(() => {}));

addEventListener("unhandledrejection", ({ reason }) =>
  fail("broken", "The computing program broke.", "Try again: that starts a fresh program.")(reason),
);

// The query names the build, so that a cache never mixes the files of two builds.
importScripts(`worker.js${location.search}`);
wasm_bindgen({ module_or_path: `worker_bg.wasm${location.search}` }).catch(
  fail("failed", "The computing program could not be started.", "Check the network connection and try again."),
);

// Loads the computing program in a dedicated worker. It exists to report what would be lost otherwise:
// a rejected promise in a worker does not reach the page's `error` handler.

const fail = (what, next) => (reason) =>
  postMessage(
    JSON.stringify({
      event: "failed",
      what,
      have: String(reason?.message ?? reason),
      need: "A browser with WebAssembly and its SIMD instructions, and enough memory.",
      next,
    }),
  );

addEventListener("unhandledrejection", ({ reason }) =>
  fail("The computing program broke.", "Try again: that starts a fresh program.")(reason),
);

// The query names the build, so that a cache never mixes the files of two builds.
importScripts(`worker.js${location.search}`);
wasm_bindgen({ module_or_path: `worker_bg.wasm${location.search}` }).catch(
  fail("The computing program could not be started.", "Check the network connection and try again."),
);

// Starts the page's program. A file of its own, because the content-security policy allows no inline script.
// The addresses come from trunk, through the attributes of the script element (Trunk.toml).

const { program, wasm } = document.querySelector("script[data-wasm]").dataset;

// The smallest module with a SIMD instruction: (func (result v128) i32.const 0, i8x16.splat, i8x16.popcnt).
// prettier-ignore
const SIMD = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

try {
  if (!WebAssembly.validate(SIMD)) throw new Error("WebAssembly has no SIMD instructions");
  const { default: init } = await import(new URL(program, document.baseURI));
  await init({ module_or_path: new URL(wasm, document.baseURI) });
} catch (error) {
  document.getElementById("app").hidden = true;
  document.getElementById("start-failure-message").textContent = String(error);
  document.getElementById("start-failure").hidden = false;
}

// After the page has started, so that it does not wait for it. Where it is refused, the page works without.
navigator.serviceWorker?.register(new URL("service-worker.js", document.baseURI)).catch(() => {});

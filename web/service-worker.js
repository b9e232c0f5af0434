// Lets the page work without a network after the first visit. It keeps the page's own small files when it is installed
// and every other file when it is first used; the network comes first, so that nobody sees an old page while online.
// Pieces of models are left alone: the computing program keeps them itself, by their hashes.

// `cargo xtask demo` writes the files of a build here; without them, what was loaded is kept all the same.
const FILES = [];
const CACHE = "rllr-page-1";

addEventListener("install", (event) => {
  skipWaiting();
  const keep = async () => {
    const cache = await caches.open(CACHE);
    // One by one: a file that fails now is kept when it is loaded.
    await Promise.allSettled(FILES.map((file) => cache.add(new Request(file, { cache: "no-cache" }))));
  };
  event.waitUntil(keep());
});

addEventListener("activate", (event) => {
  const tidy = async () => {
    await clients.claim();
    if (FILES.length === 0) return;
    const wanted = new Set(FILES.map((file) => new URL(file, location.href).pathname));
    const cache = await caches.open(CACHE);
    // Files with the hash of an older build in their names; what has no hash is replaced when it is loaded.
    for (const request of await cache.keys()) {
      const { pathname } = new URL(request.url);
      if (/-[0-9a-f]{12,}/.test(pathname) && !wanted.has(pathname)) await cache.delete(request);
    }
  };
  event.waitUntil(tidy());
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || url.pathname.endsWith(".bin")) return;
  event.respondWith(networkFirst(event));
});

async function networkFirst(event) {
  const { request } = event;
  const cache = await caches.open(CACHE).catch(() => undefined);
  let response;
  try {
    response = await fetch(request);
  } catch (error) {
    const kept = await cache?.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
  // Only whole answers; where there is no room, the page works without.
  if (cache && response.status === 200) event.waitUntil(cache.put(request, response.clone()).catch(() => {}));
  return response;
}

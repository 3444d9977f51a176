/**
 * Items `from`, `from` + 1, ... below `end`, each being made while the one before is used: making the next begins when the caller
 * first waits for something. An item that cannot be made is an error when its turn comes, not before.
 */
export async function* prefetch<T>(
  from: number,
  end: number,
  make: (index: number) => Promise<T>,
): AsyncGenerator<T, void, void> {
  let upcoming = from < end ? make(from) : undefined;
  for (let index = from; upcoming; index++) {
    const item: T = await upcoming;
    upcoming = index + 1 < end ? later(() => make(index + 1)) : undefined;
    yield item;
  }
}

/** Runs `make` once the present work has been handed on. */
function later<T>(make: () => Promise<T>): Promise<T> {
  const result = new Promise<void>((resolve) => setImmediate(resolve)).then(make);
  // Whoever stops early never asks for it.
  result.catch(() => undefined);
  return result;
}

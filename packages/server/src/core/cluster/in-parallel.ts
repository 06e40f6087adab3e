/** Works on many things, so many at a time. Rejects with the first that fails; what is under way then goes on. */
export async function inParallel<T>(
  items: Iterable<T>,
  maxAtOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const takeAll = async () => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(maxAtOnce, queue.length) }, takeAll));
}

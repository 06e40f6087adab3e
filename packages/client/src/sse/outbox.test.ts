import { expect, test } from "vitest";
import { FakeClock } from "../testing/fake-clock.ts";
import { untilTrue } from "../testing/fake-http.ts";
import { Outbox } from "./outbox.ts";

function fixture() {
  const clock = new FakeClock();
  const posts: { readonly seq: number; readonly texts: string[]; answer(status: number): void }[] = [];
  const failures: (number | undefined)[] = [];
  const outbox = new Outbox({
    clock,
    post: (seq, body) => {
      const { promise, resolve } = Promise.withResolvers<number>();
      posts.push({ seq, texts: JSON.parse(body) as string[], answer: resolve });
      return promise;
    },
    failed: (status) => failures.push(status),
  });
  return { clock, posts, failures, outbox };
}

test("nothing goes before it is known where to, and everything goes in order", async () => {
  const { posts, outbox } = fixture();
  for (const text of ["1", "2", "3"]) outbox.add(text);
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(posts).toEqual([]);
  outbox.open();
  await untilTrue("a post", () => posts.length === 1);
  outbox.add("4");
  outbox.add("5");
  posts[0]!.answer(202);
  await untilTrue("the next", () => posts.length === 2);
  expect(posts.map(({ seq, texts }) => [seq, texts])).toEqual([
    [1, [1, 2, 3]],
    [2, [4, 5]],
  ]);
});

test("a post is bounded in number and size, except for a single message", async () => {
  const { posts, outbox } = fixture();
  const sizes: number[] = [];
  outbox.open();
  for (let count = 0; count < 300; count += 1) outbox.add("1");
  for (let count = 0; count < 3; count += 1) outbox.add(JSON.stringify("x".repeat(60_000)));
  outbox.add(JSON.stringify("x".repeat(500_000)));
  outbox.add("2");
  for (let count = 1; sizes.reduce((sum, size) => sum + size, 0) < 305; count += 1) {
    await untilTrue(`post ${count}`, () => posts.length === count);
    sizes.push(posts.at(-1)!.texts.length);
    posts.at(-1)!.answer(202);
  }
  expect(sizes).toEqual([128, 128, 46, 1, 1, 1]);
});

test("one that has no answer in time is given up, and so is everything behind it", async () => {
  const { clock, posts, failures, outbox } = fixture();
  outbox.open();
  outbox.add("1");
  await untilTrue("a post", () => posts.length === 1);
  clock.advance(60_000);
  expect(failures).toEqual([undefined]);
  outbox.close();
  outbox.add("2");
  posts[0]!.answer(202);
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(posts).toHaveLength(1);
});

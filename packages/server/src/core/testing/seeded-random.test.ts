import { expect, test } from "vitest";
import { seededRandom } from "./seeded-random.ts";

test("the same seed gives the same sequence and another seed another", () => {
  const draw = (seed: number): string => {
    const random = seededRandom(seed);
    return `${random.id(26)} ${random.fraction()} ${random.id(8)}`;
  };
  expect(draw(7)).toBe(draw(7));
  expect(draw(7)).not.toBe(draw(8));
});

test("the sequence of a seed never changes, so a reported seed stays useful", () => {
  expect(seededRandom(42).id(26)).toMatchInlineSnapshot(`"50jqkauafntfe74zkaobg4n5r8"`);
});

test("fractions lie in [0, 1) and fill it evenly", () => {
  const random = seededRandom(1);
  const tenths = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 10_000; draw += 1) {
    const fraction = random.fraction();
    expect(fraction).toBeGreaterThanOrEqual(0);
    expect(fraction).toBeLessThan(1);
    tenths[Math.floor(fraction * 10)]! += 1;
  }
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

test("ids have the asked length and alphabet and do not repeat", () => {
  const random = seededRandom(3);
  const ids = new Set(Array.from({ length: 1000 }, () => random.id(12)));
  expect(ids.size).toBe(1000);
  for (const id of ids) expect(id).toMatch(/^[0-9a-z]{12}$/);
});

/** Places where the database may not be written, for the superuser too. */
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { append, seededRandom } from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import { runScript } from "./testing/child-script.ts";
import { describeWhere, withOwnMounts, withoutPrivileges } from "./testing/restriction.ts";

const makeFolder = tempFolders();

/** Opens the database and prints why it cannot. */
const OPEN = `
  import { openSqliteStore } from ${JSON.stringify(new URL("./sqlite-store.ts", import.meta.url).href)};
  const random = { id: (chars) => "a".repeat(chars), fraction: () => 0.5 };
  await openSqliteStore({ path: process.argv[2], random }).then(
    () => console.log(JSON.stringify("opened")),
    ({ code, message }) => console.log(JSON.stringify({ code, message })),
  );
`;

const openUnder = async (command: readonly string[], path: string) =>
  (await runScript(join(await makeFolder(), "open.mjs"), OPEN, { command, args: [path] }))[0];

async function makeDatabase(folder: string): Promise<string> {
  const path = join(folder, "tachikoma.db");
  const store = await openSqliteStore({ path, random: seededRandom(1) });
  await append(store, ["1"]);
  await store.close();
  return path;
}

const refusal = (part: string) => ({
  code: "CONFIG_INVALID",
  message: expect.stringContaining(part),
});

describeWhere("a user who may not write", withoutPrivileges(), (command) => {
  test("into the folder is told which", async () => {
    const folder = join(await makeFolder(), "sealed");
    await mkdir(folder);
    await chmod(folder, 0o500);
    const path = join(folder, "tachikoma.db");
    expect(await openUnder(command, path)).toEqual(
      refusal(
        `Database ${path} cannot be opened for writing: folder ${folder} may not be written by the user`,
      ),
    );
    expect(await openUnder(command, join(folder, "deep", "tachikoma.db"))).toEqual(refusal("cannot be made"));
    await chmod(folder, 0o700);
  });

  test.each(["", ".lock"])("the file tachikoma.db%s is told which", async (suffix) => {
    const path = await makeDatabase(await makeFolder());
    await chmod(`${path}${suffix}`, 0o400);
    expect(await openUnder(command, path)).toEqual(
      refusal(
        `Database ${path} cannot be opened for writing: file ${path}${suffix} may not be written by the user`,
      ),
    );
  });
});

describeWhere("a file system that is mounted read-only", withOwnMounts(), (command) => {
  const sealed = (folder: string) => [
    ...command,
    "sh",
    "-c",
    `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"`,
    folder,
  ];

  test("is named as such, for a database that is there and for a new one", async () => {
    const folder = await makeFolder();
    const path = await makeDatabase(folder);
    expect(await openUnder(sealed(folder), path)).toEqual(
      refusal(`file ${path} is on a file system that is mounted read-only`),
    );
    expect(await openUnder(sealed(folder), join(folder, "new.db"))).toEqual(
      refusal(`folder ${folder} is on a file system that is mounted read-only`),
    );
    expect(await openUnder([], path)).toBe("opened");
  });
});

/** The store of a node that is broken on purpose. */
import { createMemoryStore, openSqliteStore, type Store } from "@tachikoma/server";
import { systemRandom } from "../../packages/server/src/platform/system-random.ts";
import { STORE_MUTANTS } from "../../sim/mutants/store-mutants.ts";

export async function mutantStore(mutant: string, databaseUrl: string): Promise<Store> {
  const wrapStore = STORE_MUTANTS[mutant]?.variant.wrapStore;
  if (wrapStore === undefined) throw new Error(`There is no mutant of a store that ${mutant}`);
  const path = databaseUrl.replace("sqlite://", "");
  const random = systemRandom;
  return wrapStore(
    bound(
      databaseUrl === "memory://" ? createMemoryStore({ random }) : await openSqliteStore({ path, random }),
    ),
  );
}

/** A store whose methods may be called on another object, as the mutants do. */
function bound(store: Store): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

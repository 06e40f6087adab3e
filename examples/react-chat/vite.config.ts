import { defineConfig } from "vite";

const SERVER = "http://127.0.0.1:3000";

export default defineConfig({
  root: import.meta.dirname,
  // Tachikoma's sources, as this example lives in its repository. An application of your own needs no such line.
  resolve: { conditions: ["source"] },
  oxc: { jsx: { runtime: "automatic" } },
  server: { proxy: { "/api": SERVER, "/ws": { target: SERVER, ws: true } } },
});

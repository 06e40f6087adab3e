import { render } from "preact";
import { App } from "./app.tsx";
import "./design/tokens.css";
import "./design/base.css";
import "./design/controls.css";
import "./markdown/markdown.css";
import "./playground/layout.css";
import "./playground/chat.css";
import "./playground/side.css";

render(<App />, document.getElementById("app")!);

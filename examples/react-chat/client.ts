import { connect } from "@tachikoma/client";

/** One for the page: the chat and the hooks share its connection. */
export const client = connect("/");

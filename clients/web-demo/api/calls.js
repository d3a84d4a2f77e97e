// Calls that are over, and those that ring now. They are made over the live link.
import { get } from "../core/http.js";

export const past = (query) => get("calls", { query });
export const ringing = () => get("calls/ringing");

/** Rules without a case, each with what keeps a black box from showing it. Every other rule of the protocol has a case. */
export const UNOBSERVED: Readonly<Record<string, string>> = {
  "POS-3": "What a client library may do with a position; the server does not see it.",
  "DEL-3": "What a client does with a duplicate. That duplicates can be told is part of DEL-5.",
  "DEL-4": "What a client does with an overlap; servers that never overlap keep it too.",
  "DEL-13": "Says what is not promised: an order between channels.",
  "ACK-4": "How often a client confirms.",
  "RES-5": "Which clients had better ask for `positions=client`.",
  "RES-11": "How long a client waits before it comes back.",
  "CMD-7": "Says what is not promised: an order between receipts and records.",
  "CHK-3": "How a client folds `reset-step`. That it arrives is part of CHK-1.",
  "CHK-4": "How a client folds `data-*`. That it arrives is part of CHK-1.",
  "CHK-5": "What a client shows when the start of a part is gone.",
  "EXE-14": "A node has to be lost between an accepted cancel and the end that it writes, which is a moment.",
  "SIG-2": "A signal that was dropped cannot be told from one that is late.",
  "LIM-6": "A server may refuse when it has too much to do; the suite comes back when it is asked to.",
  "ERR-5": "What a client does with a code that it does not know.",
  "CLS-3": "What a client does after a close.",
};

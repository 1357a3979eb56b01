import { useId, useState } from "react";
import { takeAddress, type Trouble } from "../state/connect.ts";
import { startSession } from "../state/session.ts";
import { useApp } from "../state/store.ts";

const TITLES: Record<Trouble, string> = {
  lost: "The connection to Xenarium is gone.",
  away: "Xenarium does not answer.",
  token: "Xenarium was started anew.",
  "no-token": "This page’s address has no token.",
  full: "Xenarium has too many windows.",
};
const AGAIN = "This window connects by itself as soon as it answers.";
const DEEDS: Record<Trouble, string> = {
  lost: `What is shown is how it was last. If it has ended, start it again with “npm run serve” or “xenarium serve”. ${AGAIN}`,
  away: `What is shown is how it was last. Start it with “npm run serve” or “xenarium serve”. ${AGAIN}`,
  token:
    "It has another token now, as at each start. Open the address that it printed, or paste it here. (With “xenarium serve --token-file FILE” it keeps its token.)",
  "no-token":
    "Who has no token may not manage the host. Open the address that “xenarium serve” printed, or paste it here.",
  full: "Close another window of it. This one connects by itself then.",
};

/** Shown in every view while there is no connection. It says what happened and what to do, and offers a way back. */
export function ConnectionBanner() {
  const connection = useApp((state) => state.connection);
  const reason = useApp((state) => state.connectionReason);
  const trouble = useApp((state) => state.connectionTrouble);
  if (connection !== "lost") return null;
  return (
    <div className="banner connection" role="alert">
      <p>
        <strong>{TITLES[trouble]}</strong> {trouble === "lost" && reason}
      </p>
      <p>{DEEDS[trouble]}</p>
      {(trouble === "token" || trouble === "no-token") && <AddressForm />}
    </div>
  );
}

function AddressForm() {
  const id = useId();
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  return (
    <form
      className="connection-form"
      onSubmit={(event) => {
        event.preventDefault();
        const taken = takeAddress(text);
        setWrong(!taken);
        if (taken) void startSession();
      }}
    >
      <label htmlFor={id}>Address or token</label>
      <input
        id={id}
        className="mono"
        value={text}
        spellCheck={false}
        autoComplete="off"
        placeholder={`${location.origin}/#token=…`}
        onChange={({ target }) => setText(target.value)}
      />
      <button type="submit" className="primary" disabled={!text.trim()}>
        Connect
      </button>
      {wrong && <span className="field-error">There is no token in it: it is what follows “#token=”.</span>}
    </form>
  );
}

import { useEffect } from "react";
import { hostIs } from "../state/power-words.ts";
import { useApp } from "../state/store.ts";
import { Confirm } from "../ui/Dialog.tsx";
import { Toasts } from "../ui/Toasts.tsx";
import { ConsoleTab } from "./ConsoleTab.tsx";

/** Shows one console in a window of its own. */
export function ConsoleWindow({ domid }: { domid: number }) {
  const connection = useApp((state) => state.connection);
  const reason = useApp((state) => state.connectionReason);
  const power = useApp(({ host }) => host?.power);
  const domain = useApp(({ domains }) => domains.find((each) => each.domid === domid));
  const departed = useApp((state) => state.departed.get(domid));
  const question = useApp((state) => state.question);
  const name = domain?.name ?? departed?.name ?? `Domain ${domid}`;
  const trouble =
    connection === "lost"
      ? `${reason} This window connects again by itself.`
      : power !== undefined && power !== "running"
        ? `${hostIs(power)}.${power === "crashed" ? " What its console wrote is kept." : ""}`
        : power && departed && !domain
          ? "This domain is gone. Its console is kept."
          : null;
  useEffect(() => {
    document.title = `${name} – console`;
  }, [name]);
  return (
    <main className="console-window">
      <h1 className="visually-hidden">Console of {name}</h1>
      {trouble && (
        <div className="banner banner-quiet" role="status">
          {trouble}
        </div>
      )}
      {(power === "running" || power === "crashed") && <ConsoleTab domid={domid} name={name} alone />}
      <Toasts />
      {question && <Confirm {...question} onClose={() => useApp.setState({ question: null })} />}
    </main>
  );
}

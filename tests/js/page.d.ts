/* What the page's scripts know of the page beyond the standard: their events, and their one global. */

interface WindowEventMap {
  "lab:t": CustomEvent<{ t: number; source: any }>;
  "lab:set": CustomEvent<{ name: string; value: any; source: any }>;
  "lab:stop": CustomEvent<string>;
  "lab:tab": CustomEvent<string>;
  "lab:picture": CustomEvent;
}

interface Window {
  lab: ((path: string) => Promise<any>) & { locales: string[] };
}

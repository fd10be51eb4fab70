/** Calls of the API by method and path, for tests: `GET /accounts/:id/cfd_tunnel/:id`. */
export class CallCounts {
  readonly #counts = new Map<string, number>();

  count(method: string, path: string): void {
    const name = `${method} ${withoutIds(path)}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  all(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => a.localeCompare(b)));
  }

  reset(): void {
    this.#counts.clear();
  }
}

function withoutIds(path: string): string {
  return path.replace(/\/(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=\/|$)/g, "/:id");
}

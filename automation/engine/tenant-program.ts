/** The inline program of the server's engine: the very function that index.ts calls for operators. */
export { tenantProgram as default } from "../../components/program.ts";

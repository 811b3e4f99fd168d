/** The bundler copies these beside the bundle; the import is the copy's path relative to it. */
declare module '*.jpg' {
  const path: string;
  export default path;
}
declare module '*.mp3' {
  const path: string;
  export default path;
}
declare module '*.mp4' {
  const path: string;
  export default path;
}

// Writing a post, or changing one: a text, pictures beside it with what they show, or a video of one's own; who sees it and who may comment.
import { posts, videos } from "../api/index.js";
import { fill, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { onceKey } from "../core/http.js";
import { t } from "../core/text.js";
import { complain, toast } from "../core/toast.js";
import { begin, send } from "../media/tus.js";
import { empty } from "./empty.js";
import { field, form, select } from "./field.js";
import { paged } from "./paged.js";
import { sheet } from "./sheet.js";

// As many as a post holds.
const PICTURES_LIMIT = 10;
const ALT_LIMIT = 500;

/** `post`: the one to be changed, whose pictures stay. `ondone(post)` once it is out. */
export function compose({ life, ondone, post = null }) {
  const words = t.post;
  const once = onceKey();
  const chosen = new Map(); // a file, or a picture of the post -> { id: once it has been sent, alt: its field, kept: what is stored }
  const shown = h("ul", { class: "post-pick" });
  let film = null; // a video of one's own that stands in the post
  const picker = h("input", { type: "file", accept: "image/*", multiple: true, hidden: true });
  const add = h("button", { class: "button", type: "button", onclick: () => picker.click() }, icon("image", 20), words.addPictures);
  picker.addEventListener("change", () => {
    for (const file of picker.files) {
      if (chosen.size === PICTURES_LIMIT) {
        toast(words.tooMany(PICTURES_LIMIT), { bad: true });
        break;
      }
      show(file, URL.createObjectURL(file), file.name);
    }
    picker.value = "";
  });

  function show(picture, url, name, { id = null, kept = "" } = {}) {
    const alt = h("input", { class: "input", value: kept, maxlength: ALT_LIMIT, placeholder: words.alt, "aria-label": words.altOf(name), autocomplete: "off" });
    const leave = () => {
      chosen.delete(picture);
      row.remove();
      URL.revokeObjectURL(url);
      add.focus();
    };
    const off = !post && h("button", { class: "icon-button", type: "button", "aria-label": words.removePicture(name), onclick: leave }, icon("close", 20));
    const row = h("li", { class: "chosen" }, h("img", { src: url, alt: "" }), alt, off);
    chosen.set(picture, { id, alt, kept });
    shown.append(row);
  }
  post?.images.forEach((one, i) => show(one, one.files["320"], words.picture(i + 1, post.images.length), { id: one.id, kept: one.alt }));

  const filmRow = h("div", {});
  function take(video) {
    film = video;
    addFilm.hidden = Boolean(video);
    fill(filmRow, video && h("div", { class: "chosen" }, h("img", { src: video.poster, alt: "" }), h("span", { class: "clip" }, video.title || t.feed.untitled), h("button", { class: "icon-button", type: "button", "aria-label": words.removePicture(video.title || t.feed.untitled), onclick: () => (take(null), addFilm.focus()) }, icon("close", 20))));
  }
  const addFilm = h("button", { class: "button", type: "button", onclick: () => pickFilm(take, life).catch(complain) }, icon("camera", 20), words.addVideo);

  async function upload(file, visibility) {
    const { path } = await begin(file.size, { purpose: "image", filename: file.name, filetype: file.type, visibility });
    return (await send(path, file, { onsent: () => null, signal: life })).split("/").pop();
  }

  async function save({ text, visibility, who }) {
    for (const [file, picture] of chosen) {
      picture.id ??= await upload(file, visibility);
      const alt = picture.alt.value.trim();
      if (alt !== picture.kept) picture.kept = (await posts.describe(picture.id, alt)).alt;
    }
    const fields = { text: text.trim(), visibility, who_can_comment: who || null };
    const made = await (post ? posts.edit(post, fields) : posts.write({ ...fields, video: film?.id, images: [...chosen.values()].map((one) => one.id) }, once));
    node.close();
    toast(post ? words.saved : words.out, { action: { label: t.look, href: `/post/${made.id}` } });
    ondone?.(made);
  }

  const node = sheet(
    post ? words.edit : words.title,
    form(
      { submit: post ? t.save : words.submit, act: save },
      field("text", words.text, { control: "textarea", rows: 5, maxlength: 2000, hint: words.hint, children: post ? [post.text] : [] }),
      shown,
      filmRow,
      !post && h("div", { class: "line-up" }, add, picker, addFilm),
      select("visibility", words.visibility, Object.entries(t.host.visibilities), { value: post?.visibility ?? "everyone" }),
      select("who", t.comments.who, Object.entries(t.comments.audiences), { value: post?.who_can_comment ?? "" }),
    ),
    { life },
  );
  node.querySelector("textarea").focus();
  return node;
}

/** Of one's own videos those that are ready. */
async function pickFilm(take, life) {
  const first = await videos.mine();
  const choose = (one) => one.status === "ready" && h("button", { class: "tile", type: "button", "aria-label": one.title || t.feed.untitled, onclick: () => (node.close(), take(one)) }, one.poster && h("img", { src: one.poster, alt: "", loading: "lazy" }), h("span", { class: "over" }, h("span", {}), h("span", { class: "caption" }, one.title || t.feed.untitled)));
  const node = sheet(t.post.addVideo, first.next_cursor || first.items.some((one) => one.status === "ready") ? h("div", { class: "stack" }, paged(h("div", { class: "video-grid" }), first, choose, videos.mine)) : empty("camera", t.me.noVideosTitle, t.me.noVideosText, h("a", { class: "button primary", href: "/upload" }, t.upload.title)), { life });
}

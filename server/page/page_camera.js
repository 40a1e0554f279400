"use strict";
// The camera, where the browser allows it: on https, or on this machine itself.
const camera = {
  stream: null,

  get allowed() {
    return Boolean(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
  },

  async open() {
    this.stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment"}});
    at("video").srcObject = this.stream;
    this.show(true);
    at("shoot").focus();
  },

  // A JPEG file of what the camera sees; the camera is off afterwards.
  async shoot() {
    const canvas = element("canvas"), video = at("video");
    if (!video.videoWidth) await new Promise((done) => video.addEventListener("loadeddata", done, {once: true}));
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
    this.shut();
    return new File([blob], "camera.jpg", {type: "image/jpeg"});
  },

  shut() {
    if (!this.stream) return;
    for (const track of this.stream.getTracks()) track.stop();
    this.stream = at("video").srcObject = null;
    this.show(false);
    at("open").focus();
  },

  show(open) {
    at("camera").hidden = !open;
    at("drop").hidden = at("open").hidden = open;
  },
};

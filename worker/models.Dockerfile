# Models as a layer of their own, on top of the image of a worker. The context is a folder of installed models:
#
#   docker build -f worker/models.Dockerfile --build-arg WORKER=lomi-worker -t lomi-worker:nudenet ~/.local/share/lomi/models
ARG WORKER=lomi-worker
FROM ${WORKER}
COPY . /models/

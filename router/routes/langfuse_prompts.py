"""`/api/public/*`: prompts as Langfuse's clients read, list, create, label and delete them (3.3.7).

What langfuse-python 5.0.4 calls: `GET v2/prompts/{name}` with `label` or `version`, `GET` and `POST v2/prompts`,
`PATCH v2/prompts/{name}/versions/{version}` with `newLabels`, `DELETE v2/prompts/{name}` with `label` or `version`, and
`GET projects` to check its keys. Statuses are those of Langfuse's own server: 201 for a new version, 204 for a deletion.
"""

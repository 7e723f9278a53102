-- 附表6 补报、更正、核减、口径变化: what changed since each period up to the report's was signed; each period ends with the city's row.
-- grain: one closed period in its latest revision, district with any change, and the city
-- counts late: in_report_changes where change = 'late'
-- counts withdrawn: in_report_changes where change = 'withdrawn'
-- counts revised: in_report_changes where change = 'now'
--
-- The figure is that of table 1: completions from January to the period's last day (人次). Those of persons and of what is held are in
-- the mart `revisions`, earlier revisions too. Without closings there are no rows.
WITH

signed AS (
    SELECT
        figures_by_revision.period,
        figures_by_revision.revision,
        figures_by_revision.plan,
        figures_by_revision.district_code,
        figures_by_revision.district,
        figures_by_revision.last_day,
        figures_by_revision.report,
        figures_by_revision.reason
    FROM figures_by_revision
    INNER JOIN report_span ON report_span.plan = figures_by_revision.plan
    WHERE figures_by_revision.metric = 'completed'
      AND figures_by_revision.last_day <= report_span.last_day
),

latest AS (
    SELECT
        period,
        max(revision) AS revision
    FROM signed
    GROUP BY period
),

-- One row for each period, whose figures are of many districts.
spans AS (
    SELECT DISTINCT
        signed.period,
        signed.revision,
        signed.plan,
        signed.last_day,
        signed.report,
        signed.reason
    FROM signed
    INNER JOIN latest
        ON latest.period = signed.period
       AND latest.revision = signed.revision
)

SELECT
    districts.position,    -- 序号 in the annex; null: the city
    revisions.period,      -- 统计期: 2021-06, or 2021
    coalesce(districts.district, city.whole) AS district, -- 单位, or the city's row
    revisions.revision,    -- 第几次签发: how often the period has been closed
    revisions.published,   -- 公布数: completions as signed (人次)
    revisions.late,        -- 补报: first stated after the signed report was made
    revisions.corrected,   -- 更正: stated before, counted otherwise now
    revisions.withdrawn,   -- 核减: counted then, withdrawn since; not above 0
    revisions.rules,       -- 口径变化: by other SQL or reference data than then
    revisions.revised,     -- 现数: completions now; published + late + corrected + withdrawn + rules
    revisions.revised - revisions.published AS difference, -- 增减: the sum of the four
    codes.label AS flag,   -- 数据标识: 暂定, 终定 or 修订
    CASE
        WHEN districts.position IS NOT NULL THEN NULL
        WHEN spans.report <> 'as_signed' THEN reports.label
        ELSE spans.reason
    END AS remark          -- 备注, in the city's row: the signed report is not at hand, or why the period was opened again; null: neither
FROM city
CROSS JOIN revisions
INNER JOIN spans
    ON spans.period = revisions.period
   AND spans.revision = revisions.revision
   AND spans.plan = revisions.plan
LEFT JOIN districts ON districts.district_code = revisions.district_code
LEFT JOIN codes
    ON codes.field = 'flag'
   AND codes.code = revisions.flag
LEFT JOIN codes AS reports
    ON reports.field = 'report'
   AND reports.code = spans.report
WHERE revisions.metric = 'completed'
  AND (revisions.district_code IS NULL
      OR revisions.late <> 0
      OR revisions.corrected <> 0
      OR revisions.withdrawn <> 0
      OR revisions.rules <> 0)
ORDER BY
    spans.last_day,
    revisions.period,
    districts.position NULLS LAST

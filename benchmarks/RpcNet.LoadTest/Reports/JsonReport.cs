using System.Text.Json;
using RpcNet.LoadTest.Coordination;

namespace RpcNet.LoadTest.Reports;

/// <summary>The results as a JSON array of rows.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static void Write(string file, IReadOnlyList<ResultRow> rows) => File.WriteAllText(file, JsonSerializer.Serialize(rows, Options));
}

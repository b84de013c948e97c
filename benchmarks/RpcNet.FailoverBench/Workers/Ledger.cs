using System.Globalization;
using System.Text;

namespace RpcNet.FailoverBench.Workers;

/// <summary>
/// A file with a line for every call that a handler began. Each line is one write of the operating system, so that a killed
/// process leaves every line that it wrote.
/// </summary>
internal sealed class Ledger(string path) : IDisposable
{
    private readonly FileStream _file = new(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
    private readonly Lock _gate = new();

    public void Enter(long id)
    {
        var line = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}\n"));
        lock (_gate)
        {
            _file.Write(line);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <summary>How often each call was begun, over all ledgers of a folder; calls with a negative id are left out.</summary>
    public static Dictionary<long, int> Read(string folder)
    {
        var counts = new Dictionary<long, int>();
        foreach (var path in Directory.EnumerateFiles(folder, "*.ledger"))
        {
            foreach (var line in File.ReadLines(path))
            {
                var id = long.Parse(line, CultureInfo.InvariantCulture);
                if (id >= 0)
                {
                    counts[id] = counts.GetValueOrDefault(id) + 1;
                }
            }
        }

        return counts;
    }
}

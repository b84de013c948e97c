using System.Runtime.CompilerServices;

namespace RpcNet.Cluster.Client;

/// <summary>
/// Who has reported which worker lately. Of each worker it keeps at most as many reporters as it takes to believe them, so that its
/// memory is bounded whatever clients send.
/// </summary>
internal sealed class FailureReports(DirectorServerOptions options, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly ConditionalWeakTable<Worker, List<(string Reporter, long At)>> _reports = [];

    /// <summary>Notes a report.</summary>
    /// <returns>How many different reporters there are now; the count starts anew when they are enough.</returns>
    public int Add(Worker worker, string reporter)
    {
        lock (_gate)
        {
            var reports = _reports.GetOrCreateValue(worker);
            reports.RemoveAll(r => r.Reporter == reporter || time.GetElapsedTime(r.At) >= options.ReportWindow);
            reports.Add((reporter, time.GetTimestamp()));
            var count = reports.Count;
            if (count >= options.ReportQuorum)
            {
                reports.Clear();
            }

            return count;
        }
    }
}

namespace RpcNet.Cluster;

/// <summary>What a director makes of its clients' word.</summary>
/// <remarks>
/// A client that cannot reach a worker ejects it for itself and tells the director. Whoever may call the director may say so of any
/// worker, truthfully or not, so that one client's word moves nothing for the others.
/// </remarks>
public sealed class DirectorServerOptions
{
    /// <summary>
    /// So many different clients must report a worker within <see cref="ReportWindow"/> until the director ejects it, within the
    /// limits of <see cref="OutlierOptions"/>. Clients are told apart by their certificates, or by their IP addresses where they
    /// have none.
    /// </summary>
    /// <value>1 (each is believed) … 1,000; default 3.</value>
    public int ReportQuorum { get; set; } = 3;

    /// <summary>How long a report counts.</summary>
    /// <value>1 s … 1 h; default 10 s.</value>
    public TimeSpan ReportWindow { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>What is wrong with the values, one sentence each, for the configuration section <paramref name="section"/>.</summary>
    public IEnumerable<string> Validate(string section = "DirectorServerOptions")
    {
        if (ReportQuorum is < 1 or > 1000)
        {
            yield return $"{section}:ReportQuorum is {ReportQuorum}; it must be from 1 to 1000.";
        }

        if (ReportWindow < TimeSpan.FromSeconds(1) || ReportWindow > TimeSpan.FromHours(1))
        {
            yield return $"{section}:ReportWindow is {ReportWindow:c}; it must be from 00:00:01 to 01:00:00.";
        }
    }
}

using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;

namespace RpcNet.Cluster;

/// <summary>The ranges of <see cref="ClusterOptions"/> and the rules across its fields.</summary>
internal sealed class ClusterOptionsRules
{
    private readonly List<string> _complaints = [];

    private ClusterOptionsRules()
    {
    }

    public static IReadOnlyList<string> Check(ClusterOptions o)
    {
        var rules = new ClusterOptionsRules();
        rules.Identity(o);
        rules.Protocol(o);
        rules.Phi(o.Phi);
        rules.Partition(o.Partition, o.MaxMembers);
        rules.Quarantine(o.Quarantine, o.Phi);
        rules.Connections(o.Connections);
        return rules._complaints;
    }

    private void Identity(ClusterOptions o)
    {
        if (string.IsNullOrEmpty(o.ClusterName) || o.ClusterName.Length > NodeId.MaxLength)
        {
            Complain("ClusterName", $"must have 1 to {NodeId.MaxLength} characters", o.ClusterName);
        }

        if (o.NodeId is not null && !NodeId.TryParse(o.NodeId, null, out _))
        {
            Complain("NodeId", $"must be 1 to {NodeId.MaxLength} printable ASCII characters without spaces", o.NodeId);
        }

        for (var i = 0; i < o.Seeds.Count; i++)
        {
            if (ClusterOptions.ParseEndPoint(o.Seeds[i]) is null)
            {
                Complain($"Seeds:{i}", "must be \"host:port\", such as \"127.0.0.1:61000\" or \"[::1]:61000\"", o.Seeds[i]);
            }
        }

        if (o.AdvertiseAddress is not null && ClusterOptions.ParseEndPoint(o.AdvertiseAddress) is not IPEndPoint)
        {
            Complain("AdvertiseAddress", "must be \"ip:port\", such as \"10.0.0.5:61000\"", o.AdvertiseAddress);
        }

        Range(o.MaxTagBytes, 0, 8192);
        var tagBytes = Swim.SwimCodec.MeasureTags(o.Tags);
        if (tagBytes > o.MaxTagBytes)
        {
            Complain("Tags", $"take {tagBytes} bytes on the wire and may take {SectionOf("MaxTagBytes")} = {o.MaxTagBytes}", null);
        }
    }

    private void Protocol(ClusterOptions o)
    {
        Range(o.ProbeInterval, Ms(50), Sec(60));
        Range(o.ProbeTimeout, Ms(10), Sec(60));
        if (o.ProbeTimeout >= o.ProbeInterval)
        {
            Complain("ProbeTimeout", $"must be shorter than {SectionOf("ProbeInterval")} = {o.ProbeInterval}", o.ProbeTimeout);
        }

        Range(o.IndirectProbes, 0, 16);
        Range(o.GossipInterval, Ms(10), Sec(60));
        Range(o.GossipFanout, 1, 32);
        Range(o.SuspicionMultiplier, 1, 32);
        Range(o.RetransmitMultiplier, 1, 32);
        Range(o.MaxLocalHealth, 0, 32);
        Range(o.PushPullInterval, Sec(1), Sec(3600));
        Range(o.ReconnectInterval, Sec(1), Sec(3600));
        Range(o.SeedRetryInterval, Ms(250), Sec(3600));
        Range(o.DeadMemberRetention, Sec(60), TimeSpan.FromDays(30));
        Range(o.MaxDeadMembers, 16, 1_000_000);
        Range(o.MaxMembers, 2, 1_000_000);
        Range(o.MaxMessageBytes, 512, 65_536);
        if (o.MaxMessageBytes < o.MaxTagBytes + 512)
        {
            Complain("MaxMessageBytes", $"must be at least {SectionOf("MaxTagBytes")} + 512 = {o.MaxTagBytes + 512}", o.MaxMessageBytes);
        }

        Range(o.LeaveTimeout, TimeSpan.Zero, Sec(60));
        if (o.PauseThreshold != TimeSpan.Zero)
        {
            Range(o.PauseThreshold, Ms(50), Sec(60));
        }

        Range(o.EventBufferSize, 16, 1_000_000);
    }

    private void Phi(PhiOptions o)
    {
        Range(o.Threshold, 1, 100);
        Range(o.WindowSize, 10, 10_000);
        Range(o.MinStandardDeviation, Ms(1), Sec(60));
        Range(o.AcceptablePause, TimeSpan.Zero, Sec(600));
        Range(o.HeartbeatInterval, Ms(100), Sec(60));
        Range(o.Monitors, 1, 64);
    }

    private void Partition(PartitionOptions o, int maxMembers)
    {
        if (!Enum.IsDefined(o.Quorum))
        {
            Complain("Partition:Quorum", "must be Majority, Static or None", o.Quorum);
        }

        Range(o.StaticQuorum, 1, maxMembers);
        Range(o.MinUnreachableShare, 0.05, 1);
        Range(o.SettleTime, TimeSpan.Zero, Sec(60));
        Range(o.IsolationTimeout, Sec(1), Sec(600));
        Range(o.StableViewTime, Sec(1), Sec(3600));
    }

    private void Quarantine(QuarantineOptions o, PhiOptions phi)
    {
        Range(o.Quorum, 0.5, 1);
        Range(o.Window, Sec(5), Sec(600));
        Range(o.MinHeartbeatShare, 0, 1);
        Range(o.Probation, Sec(1), TimeSpan.FromDays(1));
        Range(o.MaxProbation, o.Probation, TimeSpan.FromDays(30));
        if (o.Window < 5 * phi.HeartbeatInterval)
        {
            Complain("Quarantine:Window", $"must span at least five times {SectionOf("Phi:HeartbeatInterval")} = {phi.HeartbeatInterval}", o.Window);
        }
    }

    private void Connections(ClusterConnectionOptions o)
    {
        Range(o.MaxConnections, 4, 65_535);
        Range(o.IdleClose, Sec(1), TimeSpan.FromDays(1));
        Range(o.ConnectTimeout, Ms(100), Sec(60));
        Range(o.SendTimeout, Ms(100), Sec(60));
        Range(o.RedialDelay, Ms(10), Sec(60));
        Range(o.MaxRedialDelay, o.RedialDelay, Sec(3600));
        Range(o.SendQueueLength, 1, 65_535);
        Range(o.ReceiveQueueLength, 64, 1_000_000);
    }

    private static TimeSpan Ms(int value) => TimeSpan.FromMilliseconds(value);

    private static TimeSpan Sec(int value) => TimeSpan.FromSeconds(value);

    private static string SectionOf(string key) => $"{ClusterOptions.SectionName}:{key}";

    private void Range<T>(
        T value,
        T min,
        T max,
        [CallerArgumentExpression(nameof(value))] string expression = "",
        [CallerMemberName] string group = "")
        where T : IComparable<T>
    {
        if (!(value.CompareTo(min) >= 0 && value.CompareTo(max) <= 0))
        {
            var key = expression[(expression.IndexOf('.', StringComparison.Ordinal) + 1)..];
            var path = group is nameof(Identity) or nameof(Protocol) ? key : $"{group}:{key}";
            Complain(path, $"must be from {Text(min)} to {Text(max)}", value);
        }
    }

    private void Complain(string key, string rule, object? value) =>
        _complaints.Add(value is null ? $"{SectionOf(key)} {rule}." : $"{SectionOf(key)} {rule}; it is '{Text(value)}'.");

    private static string Text(object value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty;
}

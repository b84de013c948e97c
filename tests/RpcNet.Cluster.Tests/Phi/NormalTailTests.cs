using RpcNet.Cluster.Phi;

namespace RpcNet.Cluster.Tests.Phi;

public class NormalTailTests
{
    /// <summary>Computed with 900 decimal digits from the power series of erf.</summary>
    [Theory]
    [InlineData(-3, 1.99997790950300141)]
    [InlineData(-0.5, 1.52049987781304654)]
    [InlineData(0, 1)]
    [InlineData(0.1, 0.887537083981715101)]
    [InlineData(0.5, 0.479500122186953462)]
    [InlineData(1, 0.157299207050285131)]
    [InlineData(1.5, 0.0338948535246892729)]
    [InlineData(1.999, 0.004698443348629489966)]
    [InlineData(2, 0.00467773498104726584)]
    [InlineData(3, 2.20904969985854414e-5)]
    [InlineData(5, 1.53745979442803485e-12)]
    [InlineData(10, 2.08848758376254476e-45)]
    [InlineData(20, 5.39586561160790093e-176)]
    [InlineData(26, 5.66319240885614285e-296)]
    public void Erfc_AgainstReferenceValues_AgreesToTwelveDigits(double x, double expected) =>
        Assert.InRange(NormalTail.Erfc(x) / expected, 1 - 1e-12, 1 + 1e-12);

    [Theory]
    [InlineData(0, 0.30102999566398119)]
    [InlineData(1.2815515655446004, 1)]
    [InlineData(5.6120012441747886, 8)]
    [InlineData(10, 23.118053405486076)]
    [InlineData(20, 88.560095343075592)]
    [InlineData(38.4674056172733, 323.306215345271)]
    public void Phi_AgainstReferenceValues_Agrees(double z, double expected) => Assert.Equal(expected, NormalTail.Phi(z), 1e-12 * Math.Max(1, expected));

    [Fact]
    public void Phi_FarOut_NeitherUnderflowsNorStopsGrowing()
    {
        var previous = 0.0;
        for (var z = 1.0; z < 1e6; z *= 2)
        {
            var phi = NormalTail.Phi(z);
            Assert.True(double.IsFinite(phi) && phi > previous);
            previous = phi;
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(100)]
    public void InversePhi_IsTheInverse(double phi) => Assert.Equal(phi, NormalTail.Phi(NormalTail.InversePhi(phi)), 9);
}

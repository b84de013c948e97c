using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace RpcNet.Hosting.Configuration;

/// <summary>
/// The values that a number or a duration may take, both ends included. Its complaint is the one that RpcNet's messages have: key,
/// value, range.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class AllowedRangeAttribute : ValidationAttribute
{
    private readonly IComparable _min;
    private readonly IComparable _max;

    /// <summary>A whole number's range.</summary>
    public AllowedRangeAttribute(int min, int max) => (_min, _max) = (min, max);

    /// <summary>A duration's range, "hours:minutes:seconds".</summary>
    public AllowedRangeAttribute(string min, string max) =>
        (_min, _max) = (TimeSpan.Parse(min, CultureInfo.InvariantCulture), TimeSpan.Parse(max, CultureInfo.InvariantCulture));

    public override bool RequiresValidationContext => true;

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is null || (_min.CompareTo(value) <= 0 && _max.CompareTo(value) >= 0)
            ? ValidationResult.Success
            : new ValidationResult(string.Create(
                CultureInfo.InvariantCulture, $"{Key(validationContext)} = '{value}': must be from {_min} to {_max}."));

    /// <summary>The generated validators name a member "section.Member".</summary>
    private static string Key(ValidationContext context)
    {
        var name = context.DisplayName;
        var dot = name.LastIndexOf('.');
        return dot < 0 ? name : $"{name[..dot]}:{name[(dot + 1)..]}";
    }
}
